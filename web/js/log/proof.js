// A proof file (C2SP tlog-proof): that one record is under a signed checkpoint (RFC 9162, 2.1.3.2).

import { fromBase64 } from "./bytes.js";
import { LogError, parseCheckpoint, parseNote } from "./note.js";
import { sha256 } from "./sha256.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/**
 * @typedef {object} Proof
 * @property {number} index
 * @property {Uint8Array[]} path from the leaf up
 * @property {import("./note.js").Checkpoint} checkpoint
 */

/**
 * @param {string} text
 * @returns {Proof}
 */
export function parseProof(text) {
  const split = text.indexOf("\n\n");
  const [version, ...lines] = text.slice(0, Math.max(split, 0)).split("\n");
  if (version !== "c2sp.org/tlog-proof@v1") throw new LogError("bad-proof");
  // A line with data of the log's own may stand before the index.
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "")?.[1];
  const path = lines.map((line) => fromBase64(line));
  if (index === undefined || path.length > 63 || path.some((hash) => hash?.length !== 32)) throw new LogError("bad-proof");
  return { index: Number(index), path: /** @type {Uint8Array[]} */ (path), checkpoint: parseCheckpoint(parseNote(text.slice(split + 2))) };
}

/**
 * The hash of an entry in the tree (RFC 6962).
 * @param {Uint8Array} entry
 */
export function leafHash(entry) {
  return sha256(LEAF, entry);
}

/**
 * The root that the path leads to; `null` when it fits no tree of that size.
 * @param {Uint8Array} leaf hash of the entry
 * @param {number} index
 * @param {number} size entries of the tree
 * @param {Uint8Array[]} path
 * @returns {Uint8Array | null}
 */
export function rootOf(leaf, index, size, path) {
  if (index >= size) return null;
  let [node, place, last] = [leaf, index, size - 1];
  for (const sibling of path) {
    if (last === 0) return null;
    if (place % 2 === 1 || place === last) {
      node = sha256(NODE, sibling, node);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      node = sha256(NODE, node, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 ? node : null;
}

/** @param {number} value */
function half(value) {
  return Math.floor(value / 2);
}
