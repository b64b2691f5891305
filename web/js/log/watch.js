// Whether a log is still what it was: the checkpoints that were seen before against those of today.

import { same, toBase64 } from "./bytes.js";
import { isSignedBy, LogError, parseCheckpoint, parseKey, parseNote, parseShards } from "./note.js";
import { rootsOf, Tree } from "./tree.js";

/**
 * What is remembered of a log.
 * @typedef {object} Memory
 * @property {1} version
 * @property {string} key verifier key of the log
 * @property {string} list the signed list of shards
 * @property {Record<string, string>} checkpoints signed notes by name of shard
 * @property {number} at milliseconds since 1970
 */

/**
 * The public files of a log; a path such as `2026h2/checkpoint`.
 * @typedef {object} Files
 * @property {(path: string) => Promise<string>} text
 * @property {(path: string) => Promise<Uint8Array>} bytes throws when there is no such file
 */

/**
 * @typedef {"first" | "same" | "grown"} Good
 * @typedef {"shrunk" | "rewritten" | "bad-tiles" | "shard-lost" | "seal-changed" | "bad-signature" | "key-changed"} Bad
 */

/**
 * What came of it.
 * @typedef {object} Watched
 * @property {Good | Bad} state
 * @property {Memory} memory to be kept; the former one when something is wrong
 * @property {number} added entries since
 * @property {number} size entries in all shards that were looked at
 * @property {number} tiles files that were fetched to check
 * @property {Finding[]} findings what is wrong
 */

/**
 * @typedef {object} Finding
 * @property {Bad} what
 * @property {string} log origin
 * @property {string} [before] signed note
 * @property {string} [now] signed note
 * @property {number} [from] entries before
 * @property {number} [to] entries now
 * @property {Uint8Array[]} [way] proves the fork, with both notes
 */

/**
 * Holds a log against what is remembered of it. The first time, the key that the server names is believed.
 * @param {Memory | null} past
 * @param {string} namedKey verifier key that the server names
 * @param {Files} files
 * @param {number} now milliseconds since 1970
 * @returns {Promise<Watched>}
 */
export async function watch(past, namedKey, files, now) {
  const present = await read(files, parseKey(past?.key ?? namedKey), parseKey(namedKey));
  if ("what" in present) return failed(past, namedKey, [present]);
  const before = past && { ...parseShards(parseNote(past.list)), checkpoints: past.checkpoints };
  /** @type {Finding[]} */
  const findings = [];
  /** @type {Record<string, string>} */
  const checkpoints = {};
  let [added, size, tiles] = [0, 0, 0];
  for (const shard of present.shards) {
    const seen = past?.checkpoints[shard.name];
    const newest = shard === present.shards.at(-1);
    if (!seen && !newest) continue;
    const looked = await look(shard, seen, files);
    findings.push(...looked.findings);
    checkpoints[shard.name] = looked.note;
    added += looked.added;
    tiles += looked.tiles;
    size += looked.size;
  }
  if (before) findings.push(...lost(before, present, past?.list ?? ""));
  if (findings.length > 0) return failed(past, namedKey, findings);
  const state = !past ? "first" : added > 0 ? "grown" : "same";
  const memory = { version: /** @type {const} */ (1), key: namedKey, list: present.list, checkpoints, at: now };
  return { state, memory, added, size, tiles, findings };
}

/**
 * @param {Memory | null} past
 * @param {string} key
 * @param {Finding[]} findings
 * @returns {Watched}
 */
function failed(past, key, findings) {
  const memory = past ?? { version: 1, key, list: "", checkpoints: {}, at: 0 };
  return { state: findings[0]?.what ?? "rewritten", memory, added: 0, size: 0, tiles: 0, findings };
}

/**
 * The list of shards, if the key that is believed signed it.
 * @param {Files} files
 * @param {import("./note.js").VerifierKey} believed
 * @param {import("./note.js").VerifierKey} named
 * @returns {Promise<Finding | { list: string, shards: import("./note.js").ListedShard[] }>}
 */
async function read(files, believed, named) {
  const list = await files.text("shards");
  const note = parseNote(list);
  if (!(await isSignedBy(note, believed))) {
    const changed = believed.text !== named.text && (await isSignedBy(note, named));
    return { what: changed ? "key-changed" : "bad-signature", log: believed.name, now: list };
  }
  return { list, shards: parseShards(note).shards };
}

/**
 * One shard: its checkpoint of today, and whether it goes on from the one that was seen.
 * @param {import("./note.js").ListedShard} shard
 * @param {string | undefined} seen
 * @param {Files} files
 */
async function look(shard, seen, files) {
  const text = await files.text(`${shard.name}/checkpoint`);
  const newer = parseCheckpoint(parseNote(text));
  /** @type {Finding[]} */
  const findings = [];
  const at = { log: shard.key.name, now: text, ...(seen ? { before: seen } : {}) };
  const result = { note: text, findings, added: 0, tiles: 0, size: newer.size };
  if (newer.origin !== shard.key.name || !(await isSignedBy(newer.note, shard.key))) {
    findings.push({ what: "bad-signature", ...at });
    return result;
  }
  if (shard.sealed && (shard.sealed.size !== newer.size || !same(shard.sealed.root, newer.root))) {
    findings.push({ what: "seal-changed", ...at });
  }
  if (!seen) return result;
  const older = parseCheckpoint(parseNote(seen));
  const sizes = { from: older.size, to: newer.size };
  if (older.size > newer.size) {
    findings.push({ what: "shrunk", ...at, ...sizes });
    return result;
  }
  result.added = newer.size - older.size;
  const tree = new Tree(newer.size, (path) => tile(files, `${shard.name}/${path}`));
  if (older.size === 0) return result;
  const way = await tree.wayFrom(older.size);
  result.tiles = tree.fetched;
  const roots = rootsOf(older.size, newer.size, way);
  if (older.size === newer.size && !same(older.root, newer.root)) {
    findings.push({ what: "rewritten", ...at, ...sizes, way: [] });
  } else if (!roots || !same(roots.newer, newer.root)) {
    findings.push({ what: "bad-tiles", ...at, ...sizes });
  } else if (!same(roots.older, older.root)) {
    findings.push({ what: "rewritten", ...at, ...sizes, way });
  }
  return result;
}

/**
 * A tile; where a part of one is gone because the whole is there, that part of the whole.
 * @param {Files} files
 * @param {string} path
 */
async function tile(files, path) {
  const part = /^(.*)\.p\/(\d+)$/.exec(path);
  try {
    return await files.bytes(path);
  } catch (error) {
    if (!part) throw error;
    return (await files.bytes(part[1] ?? "")).subarray(0, Number(part[2]) * 32);
  }
}

/**
 * Shards that were listed and are no longer, or with another key or end.
 * @param {{ shards: import("./note.js").ListedShard[], checkpoints: Record<string, string> }} before
 * @param {{ list: string, shards: import("./note.js").ListedShard[] }} present
 * @param {string} list as it was
 * @returns {Finding[]}
 */
function lost(before, present, list) {
  /** @type {Finding[]} */
  const findings = [];
  for (const old of before.shards) {
    const found = present.shards.find((shard) => shard.name === old.name);
    const at = { log: old.key.name, before: list, now: present.list };
    if (!found || found.key.text !== old.key.text) findings.push({ what: "shard-lost", ...at });
    else if (old.sealed && !(found.sealed?.size === old.sealed.size && same(found.sealed.root, old.sealed.root))) findings.push({ what: "seal-changed", ...at });
  }
  return findings;
}

/**
 * A finding as a file to hand on: proof of a fork (`colophon-fork/v1`) where there is one, else both signed texts side by
 * side (`colophon evidence v1`).
 * @param {Finding} finding
 */
export function evidence(finding) {
  if (finding.way) {
    const hashes = finding.way.map((hash) => `${toBase64(hash)}\n`).join("");
    return `colophon-fork/v1\n${hashes}\n${finding.before}\n${finding.now}`;
  }
  const counts = finding.from === undefined ? "" : `: it had signed ${finding.from} entries and now shows ${finding.to}`;
  const head = `colophon evidence v1\nlog ${finding.log}\n${finding.what}${counts}\n`;
  const parts = [
    ["before", finding.before],
    ["now", finding.now],
  ];
  const notes = parts.map(([when, note]) => (note ? `\n==== signed ${when} ====\n${note}` : ""));
  return head + notes.join("");
}

/**
 * What was kept, if it is of this form.
 * @param {string | null} text
 * @returns {Memory | null}
 */
export function recall(text) {
  try {
    const read = JSON.parse(text ?? "null");
    const good = read?.version === 1 && typeof read.key === "string" && typeof read.list === "string";
    if (!good || typeof read.checkpoints !== "object" || typeof read.at !== "number") return null;
    const notes = Object.values(read.checkpoints);
    if (!notes.every((note) => typeof note === "string")) return null;
    parseShards(parseNote(read.list));
    notes.forEach((note) => parseCheckpoint(parseNote(String(note))));
    return read;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof LogError) return null;
    throw error;
  }
}
