// The proof of a record, checked on the reader's device: nothing that the server says of it is believed.

import { same, toHex } from "../log/bytes.js";
import { recordFacts } from "../log/leaf.js";
import { canVerify, isSignedBy, parseKey, parseNote, parseShards } from "../log/note.js";
import { leafHash, parseProof, rootOf } from "../log/proof.js";
import { recall } from "../log/watch.js";

/** @typedef {import("./shapes.js").Facts} Facts */
/** @typedef {import("../ui/basic.js").Tone} Tone */

/**
 * What the server gave.
 * @typedef {object} Given
 * @property {string} proof
 * @property {Uint8Array} leaf
 * @property {string} shards the signed list of shards
 * @property {string} key verifier key of the log, as the server names it
 * @property {Facts | null} facts what it says of the record
 */

/** @typedef {{ step: string, tone: Tone }} Step `step` is a key under `web.proof` */

/**
 * What came of it.
 * @typedef {object} Checked
 * @property {"good" | "bad" | "part"} outcome
 * @property {Step[]} steps
 * @property {{ leaf: string, index: number, size: number, root: string, origin: string, path: string[], key: string, signatures: number }} numbers
 */

/**
 * @param {Given} given
 * @param {string | null} kept what this browser remembers of the log
 * @returns {Promise<Checked>}
 */
export async function check(given, kept) {
  const proof = parseProof(given.proof);
  const { checkpoint, index, path } = proof;
  const leaf = leafHash(given.leaf);
  /** @type {Step[]} */
  const steps = [];
  const add = (/** @type {string} */ name, /** @type {boolean} */ good) => steps.push({ step: `${name}-${good ? "good" : "bad"}`, tone: good ? "good" : "alert" });
  const root = rootOf(leaf, index, checkpoint.size, path);
  add("included", root !== null && same(root, checkpoint.root));
  if (given.facts !== null) add("facts", agree(given.leaf, index, toHex(leaf), given.facts));
  const key = await signatures(given, kept, proof, steps, add);
  const bad = steps.some((step) => step.tone === "alert");
  const part = steps.some((step) => step.tone === "caution");
  return {
    outcome: bad ? "bad" : part ? "part" : "good",
    steps,
    numbers: { leaf: toHex(leaf), index, size: checkpoint.size, root: toHex(checkpoint.root), origin: checkpoint.origin, path: path.map(toHex), key, signatures: checkpoint.note.signatures.length },
  };
}

/**
 * Who signed the checkpoint, and whether that is the log's own key.
 * @param {Given} given
 * @param {string | null} kept
 * @param {import("../log/proof.js").Proof} proof
 * @param {Step[]} steps
 * @param {(name: string, good: boolean) => void} add
 * @returns {Promise<string>} the key
 */
async function signatures(given, kept, { checkpoint }, steps, add) {
  const memory = recall(kept);
  const base = parseKey(memory?.key ?? given.key);
  const list = parseNote(given.shards);
  const shard = parseShards(list).shards.find((each) => each.key.name === checkpoint.origin);
  if (!(await canVerify())) {
    steps.push({ step: "no-crypto", tone: "caution" });
    return shard?.key.text ?? base.text;
  }
  add("signed", shard !== undefined && (await isSignedBy(checkpoint.note, shard.key)));
  add("listed", await isSignedBy(list, base));
  // A key seen for the first time is believed; whether others see the same one, a second place must tell.
  if (memory === null) steps.push({ step: "key-new", tone: "plain" });
  else add("key", memory.key === given.key);
  return shard?.key.text ?? base.text;
}

/**
 * Whether what the server says of the record is what stands in it.
 * @param {Uint8Array} leaf
 * @param {number} index
 * @param {string} hash
 * @param {Facts} facts
 */
function agree(leaf, index, hash, facts) {
  if (facts.entry !== index || facts.leaf_hash !== hash) return false;
  const own = recordFacts(leaf);
  if (own === null) return facts.type !== "picture";
  return (
    facts.type === "picture" &&
    Date.parse(facts.time) === own.issuedAt * 1000 &&
    facts.kind === own.kind &&
    facts.generator === own.generator &&
    facts.source_type === own.sourceType &&
    facts.asset_sha256 === own.asset &&
    facts.manifest_sha256 === own.manifest &&
    facts.manifest_id === own.manifestId &&
    facts.signer_key_id === own.signer &&
    facts.policy_sha256 === own.policy &&
    facts.width === own.width &&
    facts.height === own.height &&
    facts.marked === own.marked
  );
}
