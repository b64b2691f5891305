// Signed notes, verifier keys and checkpoints (C2SP signed-note, tlog-checkpoint).

import { fromBase64, toHex } from "./bytes.js";
import { sha256 } from "./sha256.js";

/** Signature type of a note's signer, Ed25519. */
const ED25519 = 1;
/** Signature type of a witness, Ed25519 over `cosignature/v1`. */
const COSIGNATURE = 4;

/**
 * A key that verifies.
 * @typedef {object} VerifierKey
 * @property {string} name
 * @property {string} id 8 hex digits
 * @property {number} type
 * @property {Uint8Array<ArrayBuffer>} key 32 bytes, Ed25519
 * @property {string} text as it was written
 */

/**
 * @typedef {object} NoteSignature
 * @property {string} name
 * @property {string} id 8 hex digits
 * @property {Uint8Array<ArrayBuffer>} bytes what follows the id
 */

/**
 * @typedef {object} Note
 * @property {string} body ends in a newline
 * @property {NoteSignature[]} signatures
 * @property {string} text the whole
 */

/**
 * @typedef {object} Checkpoint
 * @property {string} origin
 * @property {number} size entries
 * @property {Uint8Array<ArrayBuffer>} root 32 bytes
 * @property {Note} note
 */

/** What is wrong with bytes of a log; the message is a code of the wording catalogue. */
export class LogError extends Error {}

/**
 * @param {string} text `NAME+ID+BASE64`
 * @returns {VerifierKey}
 */
export function parseKey(text) {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim());
  const bytes = match && fromBase64(match[3] ?? "");
  if (!match || !bytes || bytes.length !== 33) throw new LogError("bad-key");
  const [, name = "", id = ""] = match;
  const type = bytes[0] ?? 0;
  if ((type !== ED25519 && type !== COSIGNATURE) || id !== keyId(name, bytes)) throw new LogError("bad-key");
  return { name, id, type, key: bytes.slice(1), text: text.trim() };
}

/**
 * @param {string} name
 * @param {Uint8Array} typed type and key
 */
function keyId(name, typed) {
  return toHex(sha256(new TextEncoder().encode(`${name}\n`), typed).subarray(0, 4));
}

/**
 * @param {string} text
 * @returns {Note}
 */
export function parseNote(text) {
  const split = text.lastIndexOf("\n\n");
  if (split < 0 || !text.endsWith("\n")) throw new LogError("bad-note");
  const body = text.slice(0, split + 1);
  const signatures = text
    .slice(split + 2, -1)
    .split("\n")
    .map((line) => {
      const match = /^\u2014 (\S+) (\S+)$/.exec(line);
      const bytes = match && fromBase64(match[2] ?? "");
      if (!match || !bytes || bytes.length < 5) throw new LogError("bad-note");
      return { name: match[1] ?? "", id: toHex(bytes.subarray(0, 4)), bytes: bytes.slice(4) };
    });
  return { body, signatures, text };
}

/**
 * @param {Note} note
 * @returns {Checkpoint}
 */
export function parseCheckpoint(note) {
  const [origin = "", size = "", root = ""] = note.body.split("\n");
  const hash = fromBase64(root);
  if (!origin || !/^(0|[1-9]\d{0,15})$/.test(size) || hash?.length !== 32) throw new LogError("bad-checkpoint");
  return { origin, size: Number(size), root: hash, note };
}

/**
 * @typedef {object} ListedShard
 * @property {string} name such as `2026h2`
 * @property {VerifierKey} key
 * @property {{ size: number, root: Uint8Array } | null} sealed what it ended with
 */

/**
 * The signed list of shards (`colophon-shards/v1`).
 * @param {Note} note
 * @returns {{ base: string, shards: ListedShard[] }}
 */
export function parseShards(note) {
  const [head = "", ...lines] = note.body.slice(0, -1).split("\n");
  const base = /^(\S+) colophon-shards\/v1$/.exec(head)?.[1];
  if (!base) throw new LogError("bad-list");
  const shards = lines.map((line) => {
    const match = /^(\S+) (?:open|sealed (\d{1,16}) (\S+)) (\S+)$/.exec(line);
    if (!match) throw new LogError("bad-list");
    const key = parseKey(match[4] ?? "");
    const root = match[3] === undefined ? null : fromBase64(match[3]);
    if (key.name !== match[1] || !key.name.startsWith(`${base}/`)) throw new LogError("bad-list");
    return { name: key.name.slice(base.length + 1), key, sealed: root && { size: Number(match[2]), root } };
  });
  return { base, shards };
}

/** Whether this browser verifies Ed25519 here: not by plain HTTP, and not in old ones. */
export async function canVerify() {
  try {
    await subtle().importKey("raw", new Uint8Array(32), { name: "Ed25519" }, false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new LogError("no-crypto");
  return found;
}

/**
 * Whether the key signed the note.
 * @param {Note} note
 * @param {VerifierKey} key
 */
export async function isSignedBy(note, key) {
  const own = note.signatures.filter((line) => line.name === key.name && line.id === key.id);
  if (own.length === 0) return false;
  const checks = own.map((line) => verify(key, line.bytes, note.body));
  return (await Promise.all(checks)).every(Boolean);
}

/**
 * When a witness cosigned, if it did.
 * @param {Note} note
 * @param {VerifierKey} key
 * @returns {Promise<number | null>} Unix seconds
 */
export async function cosignedAt(note, key) {
  const own = note.signatures.find((line) => line.name === key.name && line.id === key.id);
  if (!own || key.type !== COSIGNATURE || own.bytes.length !== 72) return null;
  const time = Number(new DataView(own.bytes.buffer).getBigUint64(0));
  const good = await verify(key, own.bytes.slice(8), `cosignature/v1\ntime ${time}\n${note.body}`);
  return good ? time : null;
}

/**
 * @param {VerifierKey} key
 * @param {Uint8Array<ArrayBuffer>} signature
 * @param {string} text
 */
async function verify(key, signature, text) {
  const imported = await subtle().importKey("raw", key.key, { name: "Ed25519" }, false, ["verify"]);
  return subtle().verify({ name: "Ed25519" }, imported, signature, new TextEncoder().encode(text));
}

