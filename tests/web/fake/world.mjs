// What a service could hold: deterministic, so that pictures of pages do not change.

import { hash, Log } from "./log.mjs";

const DAY = 86_400;
/** 2026-11-27T06:00:00Z */
export const NOW = 1_795_759_200;

export const HOSTILE =
  '"><img src=x onerror="window.hurt=1"><script>window.hurt=1</script>\u202Eevil\u202C ${7*7} {{x}} javascript:alert(1) \u0000\uFFFF ' +
  "W".repeat(300);

const MODELS = [
  ["Colophon Miniature", "1", "colophon-miniature-1", "embedded"],
  ["SDXL Turbo", "1.0", "stabilityai/sdxl-turbo", "embedded"],
  ["Qwen-Image", "2512", "Qwen/Qwen-Image", "embedded"],
  ["gpt-image-2", null, "gpt-image-2", "remote"],
  ["Newsroom camera desk", "7", null, null],
];

/** A sequence of numbers from 0 to before 1, always the same. */
export function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export const hex = (text, length = 64) => hash(Buffer.from(text)).toString("hex").slice(0, length);
export const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(".000", "");

const ROLES = [
  ["root", "root-authority"],
  ["issuing", "issuing-authority"],
  ["signer", "claim-signer"],
  ["ledger", "ledger"],
  ["watermark", "watermark"],
  ["storage", "storage"],
  ["policy", "policy"],
  ["receipt", "receipt"],
];

const NOTHING = {
  kind: null, generator: null, generator_version: null, model: null, backend: null, weights: null, weights_files: null, license: null,
  training_licenses: null, seeds: null, steps: null, sampler: null, guidance_thousandths: null, source_type: null, width: null, height: null,
  marked: null, asset_sha256: null, manifest_id: null, manifest_sha256: null, signer_key_id: null, policy_sha256: null, prompt_commitment: null,
  watermark_commitment: null, private_commitment: null, requester_commitment: null, event: null,
};

/**
 * @param {{ records?: number, hostile?: boolean }} options
 */
export function world({ records = 640, hostile = false } = {}) {
  const log = new Log("ledger.example.org", "2026h2");
  const rows = [];
  const add = (type, time, more) => {
    const entry = rows.length;
    const row = { log: log.key.name, entry, leaf_hash: hex(`leaf ${entry}`), type, time: iso(time), ...NOTHING, ...more };
    rows.push({ ...row, record: `${log.shard}/${entry}`, id: `${log.shard}-${entry}`, proven: true, problem: null });
    log.append(JSON.stringify(row));
  };
  const start = NOW - 120 * DAY;
  const signer = [hex("signer 1"), hex("signer 2")];
  for (const [role, name] of ROLES) add("key-activated", start, { event: `role=${name}; key_id=${hex(`key ${role}`)}` });
  const draw = numbers(3);
  for (let i = 0; i < records; i++) {
    // Fewer on Sundays, more lately.
    const at = start + Math.floor(120 * DAY * Math.sqrt((i + 0.5) / records) / DAY) * DAY + Math.floor(draw() * DAY);
    const pick = MODELS[Math.min(4, Math.floor(draw() * draw() * 6))];
    const [generator, version, model, backend] = pick;
    const late = i > records * 0.7;
    if (i === Math.floor(records * 0.7)) {
      add("key-retired", at, { event: `role=claim-signer; key_id=${signer[0]}` });
      add("key-activated", at, { event: `role=claim-signer; key_id=${signer[1]}` });
      add("policy-published", at, { event: `bundle_sha256=${hex("policy 2")}; note_sha256=${hex("note 2")}` });
      add("trust-list-imported", at, { event: `name=newsroom-partners; sha256=${hex("partners")}` });
    }
    if (i === Math.floor(records * 0.9)) add("redaction", at, { event: `log=this one; record=2026h2/41; parts=private; reason=subject-request; by=owner` });
    add("picture", at, {
      kind: backend === null ? "stamp" : "generate",
      generator: hostile ? HOSTILE : generator,
      generator_version: hostile ? HOSTILE : version,
      model: hostile ? HOSTILE : model,
      backend,
      license: backend === "embedded" ? "MIT OR Apache-2.0" : null,
      seeds: backend === "embedded" ? String(Math.floor(draw() * 1e9)) : null,
      steps: backend === "embedded" ? 12 : null,
      source_type: "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
      width: 1024,
      height: draw() < 0.5 ? 1024 : 768,
      marked: draw() > 0.02,
      asset_sha256: hex(`asset ${i}`),
      manifest_id: hostile ? HOSTILE : `urn:c2pa:${hex(`m ${i}`, 8)}-c060-42ef-a092-${hex(`m ${i}`, 12)}`,
      manifest_sha256: hex(`manifest ${i}`),
      signer_key_id: signer[late ? 1 : 0],
      policy_sha256: hex(late ? "policy 2" : "policy 1"),
      prompt_commitment: hex(`prompt ${i}`),
      watermark_commitment: hex(`mark ${i}`),
      private_commitment: hex(`private ${i}`),
    });
  }
  return { log, rows, signer, hostile };
}

/** @param {ReturnType<typeof world>} it */
export function statistics({ rows }) {
  const counts = { pictures: 0, events: 0, unmarked: 0 };
  const by = { by_day: {}, by_week: {}, by_kind: {}, by_model: {}, by_signer: {} };
  const one = (name, key) => {
    by[name][key] = (by[name][key] ?? 0) + 1;
  };
  for (const row of rows) {
    if (row.type !== "picture") {
      counts.events++;
      continue;
    }
    counts.pictures++;
    if (!row.marked) counts.unmarked++;
    const day = row.time.slice(0, 10);
    const date = new Date(`${day}T00:00:00Z`);
    date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
    one("by_day", day);
    one("by_week", date.toISOString().slice(0, 10));
    one("by_kind", row.kind);
    one("by_model", row.generator ?? "not stated");
    one("by_signer", row.signer_key_id);
  }
  return {
    ...counts, ...by,
    checks_by_rule: { "issued-and-unchanged": 214, recovered: 61, "nothing-found": 148, "declared-generated": 39, "signed-listed-generated": 22, "mark-of-another-picture": 2 },
    checks_by_action: { allow: 160, label: 297, review: 24, escalate: 5 },
    checks_by_day: Object.fromEntries(Object.entries(by.by_day).map(([day, n]) => [day, Math.ceil(n * 0.7)])),
    requests: { allow: 633, deny: 19 },
  };
}
