// The checks of a log on the reader's device, without a browser.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";

import { cosignedAt, isSignedBy, parseCheckpoint, parseKey, parseNote, parseShards } from "../../../web/js/log/note.js";
import { sha256 } from "../../../web/js/log/sha256.js";
import { rootsOf, tilePath, Tree } from "../../../web/js/log/tree.js";
import { evidence, recall, watch } from "../../../web/js/log/watch.js";
import { read, serverEvents } from "../../../web/js/sse.js";
import { Log, NoteKey } from "../fake/log.mjs";

function log(size, text = "entry") {
  const made = new Log("ledger.example.org", "2026h2");
  for (let i = 0; i < size; i++) made.append(`${text} ${i}`);
  return made;
}

/** The files of a log, some of them missing or other ones. */
function files(of, change = () => undefined) {
  const file = (path) => change(path) ?? of.file(path);
  return {
    text: async (path) => String(file(path)),
    bytes: async (path) => {
      const found = file(path);
      if (!found) throw new Error(`no ${path}`);
      return new Uint8Array(found);
    },
  };
}

const seen = async (of) => (await watch(null, of.baseKey.text, files(of), 1)).memory;
const equal = (one, other) => Buffer.from(one).equals(Buffer.from(other));

test("SHA-256 is that of Node, for every length around a block's end", () => {
  for (let length = 0; length < 200; length++) {
    const bytes = randomBytes(length);
    assert.equal(Buffer.from(sha256(bytes)).toString("hex"), createHash("sha256").update(bytes).digest("hex"));
  }
  const whole = randomBytes(100);
  assert.ok(equal(sha256(whole.subarray(0, 7), whole.subarray(7)), sha256(whole)));
});

test("ways lead from every earlier tree, and a changed hash leads elsewhere", async () => {
  for (const size of [1, 2, 3, 7, 8, 255, 256, 257, 600, 66_000]) {
    const of = log(size);
    const newer = of.root(0, size);
    for (const from of [1, 2, 3, 5, 8, 200, 255, 256, 257, 512, 65_536, 65_999].filter((each) => each <= size)) {
      const tree = new Tree(size, async (path) => new Uint8Array(of.file(`2026h2/${path}`)));
      const way = await tree.wayFrom(from);
      const roots = rootsOf(from, size, way);
      assert.ok(equal(roots.older, of.root(0, from)) && equal(roots.newer, newer), `${from} of ${size}`);
      assert.equal(rootsOf(from, size, [...way, newer]), null, "one hash too many");
      for (let at = 0; at < way.length; at++) {
        const other = rootsOf(from, size, way.with(at, sha256(way[at])));
        assert.ok(!equal(other.newer, newer));
      }
    }
  }
  assert.equal(rootsOf(3, 2, [new Uint8Array(32)]), null);
  assert.equal(rootsOf(1, 2, []), null);
});

test("tiles have the addresses of C2SP tlog-tiles", () => {
  assert.equal(tilePath(0, 0, 256), "tile/0/000");
  assert.equal(tilePath(1, 1_234_067, 5), "tile/1/x001/x234/067.p/5");
});

test("notes are read and checked with the key alone", async () => {
  const of = log(5);
  const note = parseNote(of.checkpoint(1_795_760_000));
  const key = parseKey(of.key.text);
  assert.equal(parseCheckpoint(note).size, 5);
  assert.ok(await isSignedBy(note, key));
  assert.ok(!(await isSignedBy(note, parseKey(new NoteKey(of.key.name, 8).text))), "another key of that name");
  assert.ok(!(await isSignedBy(parseNote(note.text.replace("\n5\n", "\n6\n")), key)));
  assert.equal(await cosignedAt(note, parseKey(of.witness.text)), 1_795_760_000);
  assert.equal(await cosignedAt(note, parseKey(new NoteKey(of.witness.name, 3, 4).text)), null);
  assert.equal(parseShards(parseNote(of.shards())).shards[0].name, "2026h2");
  for (const bad of ["", "a\n", "a\n\nb\n", "a\n\n— x !\n", "a\n\n— x AAAA\n"]) assert.throws(() => parseNote(bad));
  for (const bad of ["", "a+00000000+AAAA", of.key.text.replace("2026", "2027")]) assert.throws(() => parseKey(bad));
});

test("a log that only grew is said to be in order", async () => {
  const of = log(300);
  const first = await watch(null, of.baseKey.text, files(of), 1);
  assert.equal(first.state, "first");
  assert.equal((await watch(first.memory, of.baseKey.text, files(of), 2)).state, "same");
  for (let i = 300; i < 700; i++) of.append(`entry ${i}`);
  const grown = await watch(first.memory, of.baseKey.text, files(of), 3);
  assert.deepEqual([grown.state, grown.added, grown.findings], ["grown", 400, []]);
  assert.ok(grown.tiles > 0);
  assert.equal(parseCheckpoint(parseNote(grown.memory.checkpoints["2026h2"])).size, 700);
  assert.deepEqual(recall(JSON.stringify(grown.memory)), grown.memory);
});

test("a part of a tile that has become whole is taken from the whole", async () => {
  const of = log(300);
  const memory = await seen(of);
  for (let i = 300; i < 520; i++) of.append(`entry ${i}`);
  const at = of.checkpoint();
  for (let i = 520; i < 800; i++) of.append(`entry ${i}`);
  const still = files(of, (path) => (path === "2026h2/checkpoint" ? at : undefined));
  const gone = (path) => (path.includes("tile/0/002.p/") ? Promise.reject(new Error("gone")) : still.bytes(path));
  assert.equal((await watch(memory, of.baseKey.text, { ...still, bytes: gone }, 2)).state, "grown");
});

test("a log that rewrote is found, and proved to have", async () => {
  for (const [from, to] of [[300, 300], [300, 700], [256, 257]]) {
    const memory = await seen(log(from));
    const watched = await watch(memory, log(1).baseKey.text, files(log(to, "other")), 2);
    assert.equal(watched.state, "rewritten", `${from} to ${to}`);
    assert.deepEqual(watched.memory, memory, "what was seen is kept");
    const [head, ...notes] = evidence(watched.findings[0]).split("\n\nledger.example.org/2026h2\n");
    assert.match(head, /^colophon-fork\/v1/);
    assert.equal(notes.length, 2);
  }
});

test("what is missing, damaged or signed by others is told apart", async () => {
  const memory = await seen(log(300));
  const key = log(1).baseKey.text;
  const state = async (it, named = key) => (await watch(memory, named, it, 2)).state;
  assert.equal(await state(files(log(299))), "shrunk");
  assert.equal(await state(files(log(700), (path) => (path.includes("tile/0/001") ? Buffer.alloc(256 * 32) : undefined))), "bad-tiles");
  const forged = log(300);
  forged.key = new NoteKey(forged.key.name, 9);
  assert.equal(await state(files(log(300), (path) => (path.endsWith("checkpoint") ? forged.checkpoint() : undefined))), "bad-signature");
  const other = log(300);
  other.baseKey = new NoteKey(other.base, 8);
  assert.equal(await state(files(other)), "bad-signature");
  assert.equal(await state(files(other), other.baseKey.text), "key-changed");
  const moved = log(300);
  moved.shard = "2027h1";
  moved.key = new NoteKey("ledger.example.org/2027h1", 7);
  assert.equal(await state(files(moved)), "shard-lost");
});

test("what is no memory is none", () => {
  for (const text of [null, "", "{", "null", "[]", '{"version":1}', '{"version":1,"key":"a","list":"b","checkpoints":{},"at":1}', '{"version":1,"key":"a","list":"b\\n\\n— a AAAAAAAA\\n","checkpoints":{"x":1},"at":1}']) {
    assert.equal(recall(text), null, String(text));
  }
});

test("events are read whatever the pieces they come in", async () => {
  const text = "event: a\ndata: 1\n\n: a comment\n\ndata: 2\ndata: 3\r\n\r\nevent: b\r\ndata:4\r\n\r\ndata: not whole";
  for (const size of [1, 2, 3, 7, 1000]) {
    const bytes = new TextEncoder().encode(text);
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.slice(at * size, (at + 1) * size));
    const body = new ReadableStream({ pull: (to) => (pieces.length > 0 ? to.enqueue(pieces.shift()) : to.close()) });
    const found = [];
    for await (const event of serverEvents(new Response(body))) found.push([event.name, event.data]);
    assert.deepEqual(found, [["a", "1"], ["message", "2\n3"], ["b", "4"]], `pieces of ${size}`);
  }
  assert.equal(read("id: 1"), null);
});
