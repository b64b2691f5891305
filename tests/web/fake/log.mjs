// A transparency log in memory: tree, tiles, signed checkpoints (RFC 6962, C2SP tlog-tiles, signed-note).

import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";

/** @param {Uint8Array[]} parts */
export function hash(...parts) {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest();
}

/** A key that signs notes; the same name and number give the same key. */
export class NoteKey {
  /**
   * @param {string} name
   * @param {number} seed below 256
   * @param {number} type 1 signs, 4 cosigns
   */
  constructor(name, seed, type = 1) {
    const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, seed)]);
    this.name = name;
    this.secret = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    const raw = createPublicKey(this.secret).export({ format: "der", type: "spki" }).subarray(-32);
    this.typed = Buffer.concat([Buffer.from([type]), raw]);
    this.id = hash(Buffer.from(`${name}\n`), this.typed).subarray(0, 4);
  }

  get text() {
    return `${this.name}+${this.id.toString("hex")}+${this.typed.toString("base64")}`;
  }

  /** @param {string} body */
  line(body) {
    return this.#line(sign(null, Buffer.from(body), this.secret));
  }

  /**
   * @param {string} body
   * @param {number} time Unix seconds
   */
  cosign(body, time) {
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(BigInt(time));
    const signed = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${body}`), this.secret);
    return this.#line(Buffer.concat([stamp, signed]));
  }

  /** @param {Buffer} signature */
  #line(signature) {
    return `\u2014 ${this.name} ${Buffer.concat([this.id, signature]).toString("base64")}\n`;
  }

  /** @param {string} body */
  note(body) {
    return `${body}\n${this.line(body)}`;
  }
}

/** One log. */
export class Log {
  /**
   * @param {string} base
   * @param {string} shard
   */
  constructor(base, shard) {
    this.base = base;
    this.shard = shard;
    this.baseKey = new NoteKey(base, 7);
    this.key = new NoteKey(`${base}/${shard}`, 7);
    this.witness = new NoteKey("witness.example.net/w1", 9, 4);
    /** @type {Buffer[]} */
    this.leaves = [];
  }

  /** @param {string} data */
  append(data) {
    this.leaves.push(hash(Buffer.from([0]), Buffer.from(data)));
  }

  /**
   * @param {number} start
   * @param {number} end
   * @returns {Buffer}
   */
  root(start, end) {
    if (end === start) return hash();
    if (end - start === 1) return /** @type {Buffer} */ (this.leaves[start]);
    let left = 1;
    while (left * 2 < end - start) left *= 2;
    return hash(Buffer.from([1]), this.root(start, start + left), this.root(start + left, end));
  }

  /** @param {number} [time] of the witness */
  checkpoint(time) {
    const root = this.root(0, this.leaves.length).toString("base64");
    const body = `${this.base}/${this.shard}\n${this.leaves.length}\n${root}\n`;
    return this.key.note(body) + (time === undefined ? "" : this.witness.cosign(body, time));
  }

  shards() {
    return this.baseKey.note(`${this.base} colophon-shards/v1\n${this.key.name} open ${this.key.text}\n`);
  }

  /**
   * @param {string} path below the log
   * @returns {Buffer | string | null}
   */
  file(path) {
    if (path === "shards") return this.shards();
    if (path === `${this.shard}/checkpoint`) return this.checkpoint(1795760000);
    const match = new RegExp(`^${this.shard}/tile/(\\d)/([x\\d/]+?)(?:\\.p/(\\d+))?$`).exec(path);
    if (!match) return null;
    const unit = 256 ** Number(match[1]);
    const first = Number((match[2] ?? "").replace(/[x/]/g, "")) * 256;
    const width = Number(match[3] ?? 256);
    if ((first + width) * unit > this.leaves.length) return null;
    const hashes = Array.from({ length: width }, (_, i) => this.root((first + i) * unit, (first + i + 1) * unit));
    return Buffer.concat(hashes);
  }
}
