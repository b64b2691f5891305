// The evidence of a report, reader by reader.

import { item, words } from "./items.js";
import { content, likeness, record } from "./ledger.js";
import { attached, recovered } from "./manifest.js";
import { byClass, mark, unreadable } from "./traces.js";

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").Report} Report */
/** @typedef {"manifest" | "watermark" | "ledger" | "content" | "recovered" | "likeness" | "traces" | "unreadable"} Reader */

/**
 * One section for each reader that has something to say.
 * @param {Report} report
 * @returns {{ key: Reader, items: Item[] }[]}
 */
export function sections(report) {
  const it = report.evidence;
  const marks = it.watermark === null ? [absent(report, "watermark")] : mark(it.watermark);
  if (it.faint_mark !== null) marks.push(item("caution", words("watermark.faint")));
  /** @type {{ key: Reader, items: Item[] }[]} */
  const all = [
    { key: "manifest", items: it.manifest === null ? [absent(report, "manifest")] : attached(it.manifest) },
    { key: "watermark", items: marks },
    { key: "ledger", items: it.ledger === null ? [absent(report, "ledger")] : record(it.ledger) },
    { key: "content", items: it.ledger === null ? [] : content(it.ledger) },
    { key: "recovered", items: it.recovered_manifest === null ? [] : recovered(it.recovered_manifest) },
    { key: "likeness", items: it.fingerprint === null ? [] : likeness(it.fingerprint) },
    { key: "traces", items: it.signals.length === 0 ? [item("plain", words("none.traces"))] : byClass(it.signals) },
    { key: "unreadable", items: unreadable(it.unreadable_marks) },
  ];
  return all.filter((section) => section.items.length > 0);
}

/**
 * What is said where a reader found nothing, or was not asked.
 * @param {Report} report
 * @param {string} key
 */
function absent(report, key) {
  const unasked = report.not_checked.some((each) => each.what === key);
  return unasked ? item("caution", words("not-checked-below")) : item("plain", words(`none.${key}`));
}
