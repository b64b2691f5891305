// What the pretended service answers.

import { readFileSync } from "node:fs";
import { picture } from "./png.mjs";
import { problem } from "./server.mjs";
import { HOSTILE, hex, iso, NOW, statistics } from "./world.mjs";

const DAY = 86_400;

/** @param {import("./server.mjs").Fake} fake */
export function answers(fake) {
  const { world } = fake;
  const { log } = world;
  const say = (text) => (fake.options.hostile ? HOSTILE : text);
  const pages = (all, query, name) => {
    const rows = query.get("order") === "newest" ? [...all].reverse() : all;
    const limit = Number(query.get("limit") ?? 100);
    const from = Number(query.get("cursor") ?? 0);
    const found = rows.slice(from, from + limit);
    return { json: { [name]: found, next: from + limit < rows.length ? String(from + limit) : null, checkpoints: [] } };
  };
  return [
    ["GET", /^\/v1\/ledger$/, () => ({ json: ledger(fake) })],
    ["GET", /^\/v1\/records$/, ({ query }) => pages(fake.options.empty ? [] : filtered(world.rows, query), query, "records")],
    ["GET", /^\/v1\/events$/, ({ query }) => pages(world.rows.filter((row) => row.type !== "picture"), query, "events")],
    ["GET", /^\/v1\/stats$/, () => ({ json: fake.options.empty ? statistics({ rows: [] }) : statistics(world) })],
    ["GET", /^\/v1\/exports$/, ({ query }) => ({ type: "application/zip", body: Buffer.from("PK"), headers: { "content-disposition": `attachment; filename="export-${query.get("format")}.zip"` } })],
    ["GET", /^\/tlog\/(.+)$/, ({ match, response }) => {
      const file = log.file(match[1]);
      if (file === null) return problem(response, 404, { code: "not-found" });
      return { type: typeof file === "string" ? "text/plain; charset=utf-8" : "application/octet-stream", body: file };
    }],
    ["GET", /^\/v1\/policy$/, () => ({ json: fake.policy })],
    ["GET", /^\/v1\/keys$/, () => ({ json: { keys: keys(say) } })],
    ["GET", /^\/v1\/trust-lists$/, () => ({ json: { lists: lists(say) } })],
    ["GET", /^\/v1\/status$/, () => ({ json: status(fake) })],
    ["GET", /^\/v1\/detection$/, () => ({ json: DETECTION })],
    ["GET", /^\/v1\/models$/, () => ({ json: { object: "list", data: [{ id: "colophon-miniature-1", object: "model", created: 0, owned_by: "embedded", colophon: { name: say("Colophon Miniature"), sizes: ["512x512", "512x768", "768x512"], edits: true } }, { id: "sdxl-turbo", object: "model", created: NOW, owned_by: "local", colophon: { license: "openrail" } }] } })],
    ["GET", /^\/v1\/whoami$/, ({ headers, response }) => whoami(headers, response)],
    ["GET", /^\/openapi\.json$/, () => ({ json: fake.openapi ?? OPENAPI })],
    ["POST", /^\/v1\/images\/(generations|edits)$/, (asked) => generate(fake, asked)],
  ];
}

function filtered(rows, query) {
  const has = (name) => query.get(name);
  return rows.filter((row) => {
    const events = has("events") ?? "none";
    if (row.type === "picture" ? events === "only" : events === "none") return false;
    if (has("model") && row.generator !== has("model") && row.model !== has("model")) return false;
    if (has("kind") && row.kind !== has("kind")) return false;
    if (has("signer") && row.signer_key_id !== has("signer")) return false;
    if (has("policy") && row.policy_sha256 !== has("policy")) return false;
    if (has("asset") && row.asset_sha256 !== has("asset")) return false;
    if (has("since") && row.time < has("since")) return false;
    if (has("until") && row.time >= has("until")) return false;
    return true;
  });
}

function ledger(fake) {
  const { log, rows } = fake.world;
  const root = log.root(0, rows.length).toString("base64");
  const size = rows.length;
  return {
    origin: log.base, verifier_key: fake.named ?? log.baseKey.text, entries: size, first: rows[0]?.time ?? null, last: rows.at(-1)?.time ?? null,
    last_entry_age_seconds: 12, database_bytes: 65536, checkpoint: { origin: log.key.name, size, root }, checkpoint_note: log.checkpoint(1795760000),
    witnesses: fake.options.empty ? null : { quorum: true, problem: null, policy: "/tlog/witness-policy", witnesses: [{ name: "w1", verifier_key: log.witness.text, cosigned_at: "2026-11-27T06:13:20Z" }] },
    shards: [{ name: "2026h2", origin: log.key.name, sealed: false, entries: size, root, verifier_key: log.key.text, readable: true, checkpoint: "/tlog/2026h2/checkpoint" }],
    files: "/tlog/",
  };
}

function keys(say) {
  const start = NOW - 120 * DAY;
  const pem = (kind, text) => `-----BEGIN ${kind}-----\n${Buffer.from(hex(text) + hex(text + 1)).toString("base64").match(/.{1,64}/g).join("\n")}\n-----END ${kind}-----\n`;
  const key = (role, state, more = {}) => ({
    role, id: hex(`key ${role} ${state}`), algorithm: "ed25519", state, created_at: start, activated_at: start, retired_at: null, revoked: null,
    place: "file", verifier_key: null, certificate: null, certificate_sha256: null, not_after: null, public_key: null, ...more,
  });
  return [
    key("root", "active", { certificate: pem("CERTIFICATE", "root"), certificate_sha256: hex("c root"), not_after: start + 3650 * DAY }),
    key("issuing", "active", { certificate: pem("CERTIFICATE", "issuing"), certificate_sha256: hex("c issuing"), not_after: start + 1825 * DAY }),
    key("signer", "active", { id: hex("signer 2"), activated_at: NOW - 20 * DAY, created_at: NOW - 20 * DAY, certificate: pem("CERTIFICATE", "s2"), certificate_sha256: hex("c s2"), not_after: NOW + 25 * DAY }),
    key("signer", "retired", { id: hex("signer 1"), retired_at: NOW - 20 * DAY, certificate: pem("CERTIFICATE", "s1"), certificate_sha256: hex("c s1"), not_after: NOW - 5 * DAY }),
    key("signer", "revoked", { id: hex("signer 0"), activated_at: start - 40 * DAY, created_at: start - 40 * DAY, revoked: { reason: "key-compromise", from: start - 3 * DAY, at: start - 2 * DAY }, certificate_sha256: hex("c s0"), not_after: NOW - 90 * DAY }),
    key("ledger", "active", { verifier_key: `${say("ledger.example.org")}+77fbee5b+AdGSI8EdiY+UHeoNXKw5O8SdvPvUsukG/03YUGdfv/Ts` }),
    key("watermark", "active", { id: hex("wm", 16), algorithm: null }),
    key("storage", "active", { id: hex("st", 16), algorithm: null, place: say("file") }),
    key("policy", "active", { verifier_key: "ledger.example.org/policy+3be8f8e4+AVpi58SCxVehhMZsRkoSI9nIruaEq3x5CcubLWw09fBQ" }),
    key("receipt", "active", { public_key: pem("PUBLIC KEY", "receipt") }),
  ];
}

function lists(say) {
  return [
    { name: "c2pa", kind: "official", usage: "signers", issued: "2026-08-05", next_update: "2027-08-05", stale: false, source: "https://example.org/C2PA-TRUST-LIST.pem", license: "CC-BY-4.0", built_in: true, anchors: 30, key_usages: [] },
    { name: "c2pa-tsa", kind: "official", usage: "time-stamps", issued: "2025-08-05", next_update: "2026-08-05", stale: true, source: "https://example.org/TSA.pem", license: "CC-BY-4.0", built_in: true, anchors: 22, key_usages: [] },
    { name: say("newsroom-partners"), kind: "own", usage: "signers", issued: null, next_update: null, stale: false, source: say("partners.pem"), license: null, built_in: false, anchors: 3, key_usages: [] },
  ];
}

function status(fake) {
  const checks = ["running", "ledger", "checkpoint", "disk", "signer", "children"].map((name) => ({ name, well: !fake.failing?.includes(name) }));
  const names = lists((text) => (fake.options.hostile ? HOSTILE : text));
  return {
    version: "0.1.0", detector: "0.1.0", started_at: iso(NOW - 3 * DAY - 7500), uptime_seconds: 3 * DAY + 7500, ready: checks.every((check) => check.well), checks,
    load: { requests: 4, connections: 11, upload_bytes: 2_450_000, checking: { running: 1, waiting: 3, at_once: 2 }, issuing: { running: 0, waiting: 0, at_once: 2 }, children: { alive: 4, started: 1207, failed: 3 } },
    ledger: { origin: fake.world.log.base, entries: fake.world.rows.length, root: "x", newest_at: fake.world.rows.at(-1)?.time ?? null, witnesses: [{ name: "w1", cosigned_at: iso(NOW) }], quorum: true },
    policy: { hash: hex("policy 2"), up_to_date: true },
    trust_lists: names,
    certificates: [{ role: "root", not_after: iso(NOW + 3500 * DAY), days_left: 3500, renew: false }, { role: "issuing", not_after: iso(NOW + 1700 * DAY), days_left: 1700, renew: false }, { role: "signer", not_after: iso(NOW + 24 * DAY), days_left: 24, renew: true }],
  };
}

const DETECTION = {
  covers: ["watermarks made here", "C2PA manifests", "traces of other generators"], false_positive_rate: "at most 1e-10 a picture", kept: "nothing after the answer",
  error_rates: JSON.parse(readFileSync(new URL("../../../crates/server/data/error-rates.json", import.meta.url), "utf8")),
};

function whoami(headers, response) {
  if (headers.authorization === undefined) return { json: { name: null, tenant: "public", scopes: ["read", "verify"], owner: false } };
  if (!headers.authorization.startsWith("Bearer colo_good")) return problem(response, 401, { code: "unauthenticated", title: "An API key is needed", detail: "This key is not known; ask its maker for another" });
  return { json: { name: "newsroom", tenant: "own", scopes: ["issue", "read", "verify"], owner: false } };
}

async function generate(fake, { match, body, headers, response }) {
  if (!headers.authorization?.startsWith("Bearer colo_good")) return problem(response, 401, { code: "unauthenticated", title: "An API key is needed" });
  const event = match[1] === "edits" ? "image_edit" : "image_generation";
  const form = body.toString("latin1");
  const wanted = match[1] === "edits" ? { prompt: /name="prompt"\r\n\r\n(.*?)\r\n/.exec(form)?.[1], n: 1, partial_images: 3, colophon: {} } : JSON.parse(body.toString());
  if (/bomb/.test(wanted.prompt)) {
    return problem(response, 403, { code: "forbidden", title: "This is not allowed", detail: "prompt labelled `weapons-instructions` (severe): rule `no-severe-prompt`: the prompt asks for something that is not made here: ask for something else" });
  }
  const side = 256;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  let gone = false;
  response.on("close", () => {
    gone = !response.writableEnded;
    fake.cancelled ||= gone;
  });
  const send = (data) => response.write(`event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`);
  const wait = () => new Promise((done) => setTimeout(done, fake.options.pause ?? 200));
  for (let at = 0; at < wanted.n && !gone; at++) {
    for (let step = 1; step <= 4 && !gone; step++) {
      await wait();
      send({ type: "colophon.progress", picture: at, step, steps: 4 });
      if (step < 4) send({ type: `${event}.partial_image`, partial_image_index: step - 1, b64_json: picture(`${wanted.prompt} ${at}`, side, 128 >> (step * 2)).toString("base64"), colophon: { picture: at, issued: false } });
    }
    if (wanted.prompt.includes("fail late")) {
      send({ type: "error", error: { message: "the model failed", type: "server_error", code: "internal" } });
      break;
    }
    if (!gone) send({ type: `${event}.completed`, b64_json: picture(`${wanted.prompt} ${at}`, side).toString("base64"), usage: null, colophon: { picture: at, record: `2026h2/${fake.world.rows.length + at}` } });
  }
  response.end();
  return undefined;
}

/** A document with each kind of thing that a real one has. */
const OPENAPI = {
  openapi: "3.1.0",
  paths: {
    "/v1/records": { get: { tags: ["audit"], summary: "Records, page by page", description: "Filters are `query` parameters.\n\n- one\n- two", parameters: [{ name: "limit", in: "query", description: "Most", schema: { type: "integer", minimum: 1, maximum: 1000, default: 100 } }], responses: { 200: { description: "A page", content: { "application/json": { schema: { type: "array", items: { $ref: "#/components/schemas/Row" } } } } }, 400: { description: "A parameter is wrong" } } } },
    "/v1/records/{id}": { get: { tags: ["audit"], summary: "One record", parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }], responses: { 200: { description: "It" } } } },
    "/v1/images/generations": { post: { tags: ["issue"], summary: "Pictures from a text", requestBody: { required: true, content: { "application/json": { schema: { $ref: "#/components/schemas/Ask" } } } }, responses: { 200: { description: "Pictures" } } } },
    "/v1/verify": { post: { tags: ["verify"], summary: "Check a picture", security: [{}], requestBody: { content: { "multipart/form-data": { schema: { type: "object", properties: { image: { type: "string", format: "binary" } }, required: ["image"] } }, "*/*": {} } }, responses: { 200: { description: "The report" } } } },
    "/livez": { get: { summary: "Whether it lives", security: [{}], responses: { 200: { description: "It does" } } } },
  },
  components: {
    schemas: {
      Row: { type: "object", required: ["record"], properties: { record: { type: "string", description: "Where it is." }, generator: { type: ["string", "null"] }, nested: { $ref: "#/components/schemas/Row" } } },
      Ask: { type: "object", required: ["prompt"], properties: { prompt: { type: "string", description: "What the picture shows.", example: "a red fox's den" }, n: { type: "integer", minimum: 1, maximum: 10, default: 1 }, quality: { oneOf: [{ type: "null" }, { type: "string", enum: ["low", "high"] }] } } },
    },
  },
};
