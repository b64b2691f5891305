// The Merkle tree of a log (RFC 6962) from its tiles (C2SP tlog-tiles): the way from an older tree to it.

import { LogError } from "./note.js";
import { sha256 } from "./sha256.js";

const WIDTH = 256;
const NODE = Uint8Array.of(1);

/**
 * The bytes of a tile.
 * @typedef {(path: string) => Promise<Uint8Array>} FetchTile
 */

/**
 * @param {Uint8Array} left
 * @param {Uint8Array} right
 */
function node(left, right) {
  return sha256(NODE, left, right);
}

/** The tree of the first `size` entries of a log; fetches each tile once. */
export class Tree {
  /** @type {Map<string, Promise<Uint8Array>>} */
  #tiles = new Map();
  /** @type {FetchTile} */
  #fetch;
  /** @type {number} */
  #size;

  /**
   * @param {number} size
   * @param {FetchTile} fetch
   */
  constructor(size, fetch) {
    this.#size = size;
    this.#fetch = fetch;
  }

  /** How many tiles were asked for. */
  get fetched() {
    return this.#tiles.size;
  }

  /**
   * The way from an earlier size (consistency proof of RFC 6962, 2.1.2, with its first hash always written out).
   * @param {number} from above 0, at most the tree's size
   * @returns {Promise<Uint8Array[]>}
   */
  async wayFrom(from) {
    return this.#way(from, 0, this.#size);
  }

  /**
   * @param {number} from entries of the older tree, counted from `start`
   * @param {number} start
   * @param {number} end
   * @returns {Promise<Uint8Array[]>}
   */
  async #way(from, start, end) {
    if (from === end - start) return [await this.#hash(start, end)];
    const left = split(end - start);
    return from <= left
      ? [...(await this.#way(from, start, start + left)), await this.#hash(start + left, end)]
      : [...(await this.#way(from - left, start + left, end)), await this.#hash(start, start + left)];
  }

  /**
   * Hash over the entries from `start` to before `end`.
   * @param {number} start a multiple of the largest power of two in the range
   * @param {number} end
   * @returns {Promise<Uint8Array>}
   */
  async #hash(start, end) {
    const count = end - start;
    const left = split(count);
    if (count > 1 && left * 2 !== count) {
      return node(await this.#hash(start, start + left), await this.#hash(start + left, end));
    }
    const level = Math.floor(Math.log2(count) / 8);
    const unit = WIDTH ** level;
    return this.#perfect(level, start / unit, count / unit);
  }

  /**
   * Hash over `count` neighbours in a tile, a power of two.
   * @param {number} level
   * @param {number} first
   * @param {number} count
   */
  async #perfect(level, first, count) {
    const tile = await this.#tile(level, Math.floor(first / WIDTH));
    const at = (first % WIDTH) * 32;
    /** @type {Uint8Array[]} */
    let hashes = [];
    for (let i = 0; i < count; i++) hashes.push(tile.subarray(at + i * 32, at + i * 32 + 32));
    while (hashes.length > 1) {
      hashes = hashes
        .filter((_, i) => i % 2 === 0)
        .map((left, i) => node(left, /** @type {Uint8Array} */ (hashes[i * 2 + 1])));
    }
    return /** @type {Uint8Array} */ (hashes[0]);
  }

  /**
   * @param {number} level
   * @param {number} index
   */
  #tile(level, index) {
    const entries = Math.floor(this.#size / WIDTH ** level);
    const width = Math.min(WIDTH, entries - index * WIDTH);
    const path = tilePath(level, index, width);
    let tile = this.#tiles.get(path);
    if (!tile) {
      tile = this.#fetch(path).then((bytes) => {
        if (bytes.length !== width * 32) throw new LogError("bad-tile");
        return bytes;
      });
      this.#tiles.set(path, tile);
    }
    return tile;
  }
}

/**
 * @param {number} level
 * @param {number} index
 * @param {number} width hashes in it, 256 when it is full
 */
export function tilePath(level, index, width) {
  let digits = String(index % 1000).padStart(3, "0");
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    digits = `x${String(rest % 1000).padStart(3, "0")}/${digits}`;
  }
  return `tile/${level}/${digits}${width < WIDTH ? `.p/${width}` : ""}`;
}

/**
 * The largest power of two below `count`.
 * @param {number} count above 1
 */
function split(count) {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

/**
 * The two roots that a way leads to (RFC 9162, 2.1.4.2); `null` when it fits no such sizes.
 * @param {number} from above 0
 * @param {number} to
 * @param {Uint8Array[]} way as of {@link Tree.wayFrom}
 * @returns {{ older: Uint8Array, newer: Uint8Array } | null}
 */
export function rootsOf(from, to, way) {
  const [first, ...rest] = way;
  if (!first || from > to) return null;
  if (from === to) return rest.length === 0 ? { older: first, newer: first } : null;
  let [fn, sn] = [from - 1, to - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  let [older, newer] = [first, first];
  for (const hash of rest) {
    if (sn === 0) return null;
    if (fn % 2 === 1 || fn === sn) {
      older = node(hash, older);
      newer = node(hash, newer);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      newer = node(newer, hash);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 ? { older, newer } : null;
}

/** @param {number} value */
function half(value) {
  return Math.floor(value / 2);
}
