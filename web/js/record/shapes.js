// What the server tells of a record (`GET /v1/records/{id}`), as far as the page uses it.

/**
 * Columns of an export; empty ones are null.
 * @typedef {object} Facts
 * @property {string} log
 * @property {number} entry
 * @property {string} leaf_hash
 * @property {string} type `picture`, or the name of an event
 * @property {string} time
 * @property {string | null} kind
 * @property {string | null} generator
 * @property {string | null} generator_version
 * @property {string | null} model
 * @property {string | null} backend
 * @property {string | null} weights
 * @property {string | null} license
 * @property {string | null} seeds
 * @property {number | null} steps
 * @property {string | null} sampler
 * @property {number | null} guidance_thousandths
 * @property {string | null} source_type
 * @property {number | null} width
 * @property {number | null} height
 * @property {boolean | null} marked
 * @property {string | null} asset_sha256
 * @property {string | null} manifest_id
 * @property {string | null} manifest_sha256
 * @property {string | null} signer_key_id
 * @property {string | null} policy_sha256
 * @property {string | null} event
 */
/**
 * @typedef {object} RecordLife
 * @property {string} id such as `2026h2-17`
 * @property {string} record such as `2026h2/17`
 * @property {Facts | null} facts
 * @property {boolean} proven
 * @property {string | null} [problem]
 * @property {number | null} tree_size
 * @property {{ met: boolean, problem?: string, cosigned?: { witness: string, at: string }[] } | null} [witnesses]
 * @property {{ record: string, time: string, event: string, says: string, proven: boolean }[]} [events]
 * @property {{ at: string, rule: string, finding: string, action: string }[]} [checks]
 * @property {{ record: string, distance: number, proven: boolean }[]} [alike]
 * @property {string[]} [findings]
 * @property {{ at: string, reason: string, event: string } | null} [erased]
 * @property {Record<"page" | "leaf" | "proof" | "receipt" | "bundle" | "manifest", string | null>} [links]
 */

export {};
