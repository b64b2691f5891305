// Shapes of the answers that the ledger's pages read.

/**
 * One entry, as `colophon ledger query --json` has it.
 * @typedef {object} Row
 * @property {string} record where it is, such as `2026h2/17`
 * @property {string} id the same in one part of an address: `2026h2-17`
 * @property {string} log
 * @property {number} entry
 * @property {string} leaf_hash
 * @property {string} type `picture`, or the name of an event
 * @property {string} time
 * @property {string | null} kind
 * @property {string | null} generator
 * @property {string | null} generator_version
 * @property {string | null} model
 * @property {number | null} width
 * @property {number | null} height
 * @property {boolean | null} marked
 * @property {string | null} signer_key_id
 * @property {string | null} policy_sha256
 * @property {string | null} event `name=value; name=value`
 * @property {boolean} proven
 * @property {string | null} problem
 */

/**
 * @typedef {object} Shard
 * @property {string} name
 * @property {boolean} sealed
 * @property {boolean} readable
 * @property {number | null} entries
 * @property {string | null} root
 * @property {string} verifier_key
 */

/**
 * @typedef {object} Witness
 * @property {string} name
 * @property {string} verifier_key
 * @property {string | null} cosigned_at
 */

/**
 * @typedef {object} Ledger
 * @property {string} origin
 * @property {number} entries
 * @property {string | null} first
 * @property {string | null} last
 * @property {string} verifier_key
 * @property {{ origin: string, size: number, root: string } | null} checkpoint of the newest shard
 * @property {string | null} checkpoint_note the same, signed
 * @property {Shard[]} shards
 * @property {{ quorum: boolean | null, problem: string | null, witnesses: Witness[] } | null} witnesses
 */

export {};
