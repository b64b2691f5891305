// Shape of the answer of `GET /v1/policy`.

/**
 * @typedef {object} AccessRule
 * @property {string} id
 * @property {"permit" | "forbid"} effect
 * @property {{ file: string, line: number, column: number, last_line: number }} place
 * @property {string | null} reason
 * @property {string | null} advice
 * @property {Record<string, unknown>} obligations
 */
/**
 * @typedef {object} VerdictRule
 * @property {string} rule its name
 * @property {string} finding
 * @property {string} action
 * @property {Record<string, string[]>} when values by signal; a signal that is not named may have any
 */
/**
 * @typedef {object} Policy
 * @property {string} hash of the bundle
 * @property {string} origin
 * @property {string[]} signers
 * @property {string | null} note
 * @property {{ path: string, text: string | null }[]} files
 * @property {AccessRule[]} policies
 * @property {VerdictRule[]} verdict_rules in order: the first that holds decides
 * @property {{ name: string, values: string[] }[]} signals every signal with its values
 * @property {{ labels: Record<string, string>, purposes: Record<string, string> }} vocabulary
 */

export {};
