// What an entry of the log says: deterministic CBOR (RFC 8949), of which only whole numbers, byte and text strings, arrays
// and null occur (crates/ledger/schema/leaves.cddl).

import { toHex } from "./bytes.js";
import { LogError } from "./note.js";

/** Deepest nesting of arrays. */
const DEEPEST = 8;

/**
 * @param {Uint8Array} bytes
 * @returns {unknown} numbers (above 2^53 as `bigint`), texts, `Uint8Array`, arrays, null
 */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  /** @param {number} length */
  const take = (length) => {
    if (at + length > bytes.length) throw new LogError("bad-leaf");
    at += length;
    return at - length;
  };
  /** @param {number} info @returns {number | bigint} */
  const argument = (info) => {
    if (info < 24) return info;
    if (info === 24) return view.getUint8(take(1));
    if (info === 25) return view.getUint16(take(2));
    if (info === 26) return view.getUint32(take(4));
    if (info !== 27) throw new LogError("bad-leaf");
    const value = view.getBigUint64(take(8));
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  };
  /** @param {number} depth @returns {unknown} */
  const item = (depth) => {
    if (depth > DEEPEST) throw new LogError("bad-leaf");
    const first = view.getUint8(take(1));
    const [kind, info] = [first >> 5, first & 31];
    if (first === 0xf6) return null;
    const value = argument(info);
    if (kind === 0) return value;
    if (kind === 1) return typeof value === "bigint" ? -1n - value : -1 - value;
    if (typeof value === "bigint") throw new LogError("bad-leaf");
    if (kind === 2 || kind === 3) {
      const start = take(value);
      const part = bytes.slice(start, start + value);
      if (kind === 2) return part;
      try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(part);
      } catch {
        throw new LogError("bad-leaf");
      }
    }
    if (kind !== 4 || value > bytes.length) throw new LogError("bad-leaf");
    return Array.from({ length: value }, () => item(depth + 1));
  };
  const whole = item(0);
  if (at !== bytes.length) throw new LogError("bad-leaf");
  return whole;
}

/**
 * The public facts of a picture's record, as they stand in the log.
 * @typedef {object} RecordFacts
 * @property {number} issuedAt Unix seconds
 * @property {"generate" | "stamp"} kind
 * @property {string | null} generator
 * @property {string} sourceType
 * @property {string} asset SHA-256 of the issued file, hex
 * @property {string} manifest SHA-256 of the manifest, hex
 * @property {string} manifestId
 * @property {string} signer id of the signer's key, hex
 * @property {string} policy hex
 * @property {number} width pixels
 * @property {number} height pixels
 * @property {boolean} marked
 */

/**
 * @param {Uint8Array} leaf
 * @returns {RecordFacts | null} `null` for an entry that is no picture's record
 */
export function recordFacts(leaf) {
  const items = decode(leaf);
  if (!Array.isArray(items) || typeof items[0] !== "string") throw new LogError("bad-leaf");
  if (items[0] !== "colophon.record") return null;
  const [, , issuedAt, kind, generator, sourceType, asset, manifest, manifestId, signer, policy, width, height, mark] = items;
  const hash = (/** @type {unknown} */ it) => (it instanceof Uint8Array && it.length === 32 ? toHex(it) : null);
  const hashes = [asset, manifest, signer, policy].map(hash);
  const numbers = [issuedAt, width, height].every((it) => typeof it === "number");
  const texts = typeof sourceType === "string" && typeof manifestId === "string";
  if (hashes.includes(null) || !numbers || !texts || (kind !== 1 && kind !== 2)) throw new LogError("bad-leaf");
  const [assetHex, manifestHex, signerHex, policyHex] = /** @type {string[]} */ (hashes);
  const name = Array.isArray(generator) && typeof generator[0] === "string" ? generator[0] : null;
  return {
    issuedAt: Number(issuedAt),
    kind: kind === 1 ? "generate" : "stamp",
    generator: name,
    sourceType,
    asset: assetHex,
    manifest: manifestHex,
    manifestId,
    signer: signerHex,
    policy: policyHex,
    width: Number(width),
    height: Number(height),
    marked: mark !== null,
  };
}
