// What the ledger knows of a picture.

import { counted, has, listed, number, outside, t, time } from "../i18n.js";
import { agent, fine, generation, item, sourceType, weights, words } from "./items.js";

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").Schemas} Schemas */

/**
 * The record: how it was found, what it says, and whether it is in the signed log.
 * @param {Schemas["LedgerEvidence"]} it
 * @returns {Item[]}
 */
export function record(it) {
  const ways = it.matched_by.map((way) => words(`ledger.by-${way}`));
  const items = [item("good", words("ledger.record", { record: String(it.record), ways: listed(ways) })), item("plain", issued(it))];
  if (!it.marked) items.push(item("plain", words("ledger.without-mark")));
  if (it.generation) items.push(item("plain", generation(it.generation)), ...weights(it.generation));
  items.push(inclusion(it.inclusion));
  if (it.erased) items.push(erased(it.erased));
  items.push(fine("ledger.log", { origin: it.origin }));
  if (it.inclusion.root !== null) items.push(fine("ledger.root", { hash: it.inclusion.root }));
  items.push(fine("ledger.file", { hash: it.asset_sha256 }));
  return items;
}

/**
 * That parts of the record were erased, and what follows for this picture.
 * @param {Schemas["ErasedEvidence"]} it
 */
function erased(it) {
  const [isPrivate, manifest] = [it.parts.includes("private"), it.parts.includes("manifest")];
  const key = isPrivate && manifest ? "all" : isPrivate ? "private" : "manifest";
  const reason = `report.ledger.erased-reason.${it.reason}`;
  return item("caution", words(`ledger.erased-${key}`, { when: time(it.on), reason: has(reason) ? t(reason) : it.reason }));
}

/** @param {Schemas["LedgerEvidence"]} it */
function issued(it) {
  const values = { when: time(it.issued_at), kind: sourceType(it.source_type), width: String(it.width), height: String(it.height) };
  return it.generator === null ? words("ledger.issued", values) : words("ledger.issued-by", { ...values, who: agent(it.generator) });
}

/** @param {Schemas["InclusionEvidence"]} it */
function inclusion(it) {
  if (!it.proven) return item("alert", words("ledger.not-proven", { why: it.problem ?? t("report.ledger.no-reason") }));
  if (it.tree_size === null) return item("good", words("ledger.proven"));
  return item("good", words("ledger.proven-of", { records: counted("report.records", it.tree_size) }));
}

/**
 * Whether the picture shows what was recorded.
 * @param {Schemas["LedgerEvidence"]} it
 * @returns {Item[]}
 */
export function content(it) {
  const { binding, score } = it.comparison;
  const tone = binding === "same" ? "good" : binding === "different" ? "alert" : "caution";
  const says = words(`content.${binding}`);
  return [item(tone, score === null ? says : words("content.score", { says, score: number(score, 2) }))];
}

/**
 * The perceptual hash, and the record whose picture looks alike.
 * @param {Schemas["FingerprintEvidence"]} it
 * @returns {Item[]}
 */
export function likeness(it) {
  const hash = fine("likeness.hash", { hash: it.hash, quality: outside(it.quality) });
  if (it.nearest === null) return [hash];
  const near = it.nearest;
  const values = { record: String(near.record), when: time(near.issued_at), distance: near.distance };
  const text = near.generator === null ? words("likeness.nearest", values) : words("likeness.nearest-by", { ...values, who: agent(near.generator) });
  return [item("caution", text), hash];
}
