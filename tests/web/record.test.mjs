// The page of a record. The log here is made with Node's own SHA-256 and Ed25519, from the vectors of the ledger.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { closeBrowser, file, HOSTILE, isSound, isUnharmed, json, LOOKS, PIXEL, poisoned, visit } from "./browser.mjs";

after(closeBrowser);

const vectors = JSON.parse(await readFile(new URL("../../crates/ledger/schema/vectors.json", import.meta.url), "utf8")).leaves;
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const node = (left, right) => sha256(Buffer.of(1), left, right);
const leafHash = (leaf) => sha256(Buffer.of(0), leaf);

/** Root and inclusion path of RFC 6962, straight from its definition. */
function root(hashes) {
  if (hashes.length === 1) return hashes[0];
  const left = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return node(root(hashes.slice(0, left)), root(hashes.slice(left)));
}
function path(hashes, at) {
  if (hashes.length === 1) return [];
  const left = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return at < left ? [...path(hashes.slice(0, left), at), root(hashes.slice(left))] : [...path(hashes.slice(left), at - left), root(hashes.slice(0, left))];
}

/** A signer of notes (C2SP signed-note). */
function signer(name) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const typed = Buffer.concat([Buffer.of(1), publicKey.export({ format: "der", type: "spki" }).subarray(-32)]);
  const id = sha256(Buffer.from(`${name}\n`), typed).subarray(0, 4);
  return {
    key: `${name}+${id.toString("hex")}+${typed.toString("base64")}`,
    note: (text) => `${text}\n— ${name} ${Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]).toString("base64")}\n`,
  };
}

/** What an honest server answers for one of the vectors. */
function log(at, events = []) {
  const [base, shard] = [signer("log.example"), signer("log.example/2026h2")];
  const leaves = vectors.map((each) => Buffer.from(each.leaf, "hex"));
  const hashes = leaves.map(leafHash);
  assert.equal(hashes[at].toString("hex"), vectors[at].leaf_hash);
  const checkpoint = shard.note(`log.example/2026h2\n${leaves.length}\n${root(hashes).toString("base64")}\n`);
  const way = path(hashes, at).map((hash) => `${hash.toString("base64")}\n`).join("");
  const items = vectors[at].items;
  const hex = (it) => it?.bytes ?? null;
  const facts = {
    log: "log.example/2026h2", entry: at, leaf_hash: vectors[at].leaf_hash, type: "picture", time: new Date(items[2] * 1000).toISOString().replace(".000", ""),
    kind: items[3] === 1 ? "generate" : "stamp", generator: items[4]?.[0] ?? null, generator_version: items[4]?.[1] ?? null, model: null, backend: null,
    weights: null, license: null, seeds: null, steps: null, sampler: null, guidance_thousandths: null, source_type: items[5], asset_sha256: hex(items[6]),
    manifest_sha256: hex(items[7]), manifest_id: items[8], signer_key_id: hex(items[9]), policy_sha256: hex(items[10]), width: items[11], height: items[12],
    marked: items[13] !== null, event: null,
  };
  const life = { id: `2026h2-${at}`, record: `2026h2/${at}`, facts, proven: true, problem: null, tree_size: leaves.length, witnesses: null, events, checks: [], alike: [{ record: "2026h2/1", distance: 12, proven: true }], findings: [], erased: null, links: { manifest: null } };
  return { base, shard, life, leaf: leaves[at], proof: `c2sp.org/tlog-proof@v1\nindex ${at}\n${way}\n${checkpoint}`, shards: base.note(`log.example colophon-shards/v1\nlog.example/2026h2 open ${shard.key}\n`), key: base.key };
}

/** The answers of a server that has this log. */
function answers(it) {
  const serve = (route, url) => {
    if (url.pathname.endsWith("/proof")) return route.fulfill({ body: it.proof });
    if (url.pathname.endsWith("/leaf")) return route.fulfill({ body: it.leaf, contentType: "application/cbor" });
    return json(it.life)(route);
  };
  return { "/v1/records/": serve, "/tlog/shards": (route) => route.fulfill({ body: it.shards }), "/v1/ledger": json({ verifier_key: it.key }) };
}

const outcome = (page) => page.locator(".record .note strong").first();

for (const look of LOOKS) {
  test(`a record and its proof can be read by everybody (${look.name})`, async () => {
    const it = log(0, [{ record: "2026h2/3", time: "2027-02-01T00:00:00Z", event: "key-retired", says: "role=signer", proven: true }]);
    const { page, end } = await visit("/records/2026h2/0", { ...look, answers: answers(it) });
    await page.locator(".steps li").nth(4).waitFor();
    assert.equal(await page.locator(".steps [data-tone=alert]").count(), 0);
    await page.evaluate(() => document.querySelectorAll("main details").forEach((each) => { each.open = true; }));
    await isSound(page, `record-${look.name}`);
    await end();
  });
}

test("every lie about a record is found on the reader's device", async () => {
  const flipped = (bytes, at) => { const copy = Buffer.from(bytes); copy[at] ^= 1; return copy; };
  const other = signer("log.example/2026h2");
  const lies = {
    "other facts": (it) => { it.life.facts.asset_sha256 = "00".repeat(32); },
    "another model": (it) => { it.life.facts.generator = "Somebody else"; },
    "another time": (it) => { it.life.facts.time = "2020-01-01T00:00:00Z"; },
    "another kind of entry": (it) => { it.life.facts.type = "key-created"; },
    "another leaf": (it) => { it.leaf = flipped(it.leaf, 40); },
    "another place": (it) => { it.proof = it.proof.replace("index 0", "index 1"); },
    "another hash on the way": (it) => { const lines = it.proof.split("\n"); lines[2] = flipped(Buffer.from(lines[2], "base64"), 5).toString("base64"); it.proof = lines.join("\n"); },
    "a hash less": (it) => { const lines = it.proof.split("\n"); lines.splice(2, 1); it.proof = lines.join("\n"); },
    "a checkpoint of another signer": (it) => { const [head, text] = it.proof.split("\n\n"); it.proof = `${head}\n\n${other.note(`${text}\n`)}`; },
    "a list of another signer": (it) => { it.shards = signer("log.example").note(it.shards.split("\n\n")[0] + "\n"); },
    "a list without the shard": (it) => { it.shards = it.base.note("log.example colophon-shards/v1\n"); },
  };
  for (const [name, lie] of Object.entries(lies)) {
    const it = log(0);
    lie(it);
    const { page, end } = await visit("/records/2026h2-0", { answers: answers(it) });
    await outcome(page).waitFor();
    await page.getByText("The proof does not hold").or(page.getByText(/cannot be read/)).first().waitFor();
    await end();
  }
});

test("a log whose key is another than this browser knew is not believed", async () => {
  const [known, it] = [log(0), log(0)];
  const memory = { version: 1, key: known.key, list: known.shards, checkpoints: {}, at: 1 };
  const before = `localStorage.setItem("colophon.log", ${JSON.stringify(JSON.stringify(memory))})`;
  const changed = await visit("/records/2026h2-0", { answers: answers(it), before });
  await changed.page.getByText("another key than this browser knows").waitFor();
  await changed.end();
  const same = await visit("/records/2026h2-0", { answers: answers(known), before });
  await same.page.getByText("The log has the key that this browser knows").waitFor();
  assert.equal(await outcome(same.page).innerText(), "The record is in the signed log.");
  await same.end();
});

test("without Ed25519 the signature is told to be unchecked", async () => {
  const { page, end } = await visit("/records/2026h2-0", { answers: answers(log(0)), before: "Object.defineProperty(globalThis.crypto, 'subtle', { value: undefined })" });
  await page.getByText("the signature could not be checked here").waitFor();
  await page.getByText("The record's hash leads to the root of the log.").waitFor();
  await end();
});

test("a file is compared on this device only", async () => {
  const it = log(0);
  it.life.facts.asset_sha256 = createHash("sha256").update(PIXEL).digest("hex");
  const { page, requests, end } = await visit("/records/2026h2-0", { answers: answers(it) });
  await page.locator(".steps li").first().waitFor();
  const before = requests.length;
  await page.setInputFiles("input[type=file]", file("same.png"));
  await page.getByText("is the file that was issued, byte for byte").waitFor();
  await page.setInputFiles("input[type=file]", file("other.png", "image/png", Buffer.concat([PIXEL, Buffer.of(0)])));
  await page.getByText("is not, byte for byte").waitFor();
  assert.equal(requests.length, before);
  await end();
});

test("nothing that a record says becomes anything but text", async () => {
  const it = log(0, [{ record: "x", time: "x", event: "x", says: "x", proven: false }]);
  it.life = poisoned({ ...it.life, problem: "x", findings: ["x"], erased: { at: "x", reason: "x", event: "x" }, witnesses: { met: true, cosigned: [{ witness: "x", at: "x" }] } }, (path) => path.includes("links") || path.at(-1) === "id" || path.at(-1) === "type");
  const { page, end } = await visit(`/records/${encodeURIComponent(HOSTILE[0])}`, { width: 320, height: 700, answers: answers(it) });
  await page.getByText("The proof does not hold").waitFor();
  await page.evaluate(() => document.querySelectorAll("main details").forEach((each) => { each.open = true; }));
  await isUnharmed(page);
  await isSound(page, "hostile-record");
  await end();
});
