// Marks in the pixels, traces of generators, cameras and programs, and times.

import { counted, joined, number, outside, t, time } from "../i18n.js";
import { some } from "../dom.js";
import { day } from "../text.js";
import { item, percent, sourceName, words } from "./items.js";

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").Schemas} Schemas */

/**
 * Our mark: the id, how sure it is, how the picture was turned, and where it reads.
 * @param {Schemas["WatermarkEvidence"]} it
 * @returns {Item[]}
 */
export function mark(it) {
  // Rounded up: it is an upper bound.
  const log10 = it.log10_false_positive;
  const chance = log10 === undefined ? words("watermark.chance") : words("watermark.chance-figure", { exponent: number(Math.ceil(log10), 0) });
  const ids = counted("report.ids", it.compared_ids ?? 0);
  const items = [item("good", words(`watermark.${it.strength}`, { id: it.payload, chance, ids })), item("plain", geometry(it.geometry))];
  const map = it.heat_map;
  if (map) items.push(item("plain", words("watermark.heat-map", { reads: percent(map.reads), silent: percent(map.silent) })));
  return items;
}

/** @param {Schemas["Geometry"]} it */
function geometry(it) {
  const parts = [];
  if (it.flip) parts.push(words("watermark.mirrored"));
  if (Math.abs(it.rotation) >= 0.05) parts.push(words("watermark.turned", { degrees: number(it.rotation, 1) }));
  if (it.scale !== null && Math.abs(it.scale - 1) >= 0.005) parts.push(words("watermark.scaled", { percent: percent(it.scale) }));
  if (parts.length === 0) parts.push(words(it.scale === null ? "watermark.not-turned" : "watermark.unmoved"));
  return words("watermark.moved", { how: joined(parts) });
}

/**
 * Marks that the file is said to carry, with where their owners offer a check.
 * @param {Schemas["UnreadableMarkEvidence"][]} all
 * @returns {Item[]}
 */
export function unreadable(all) {
  return all.map((it) => {
    const inside = it.check_at === null ? [] : [item("plain", words("unreadable.check", { address: it.check_at }))];
    return item("caution", words("unreadable.mark", { name: it.name, owner: sourceName(it.source, it.source), "named-by": it.named_by }), { inside });
  });
}

const CLASSES = /** @type {const} */ (["signed", "pixel", "vendor-verified", "declared", "weak"]);

/**
 * The traces under what they are worth, strongest first.
 * @param {Schemas["SignalEvidence"][]} signals
 * @returns {Item[]}
 */
export function byClass(signals) {
  return CLASSES.flatMap((each) => {
    const inside = signals.filter((it) => it.class === each).map(trace);
    return inside.length === 0 ? [] : [item("plain", words(`class.${each}`), { inside })];
  });
}

/** @param {Schemas["SignalEvidence"]} it */
function trace(it) {
  const name = sourceName(it.source, it.name);
  const tool = [it.tool === it.name ? null : it.tool, it.version].filter((part) => part !== null && part !== "").join(" ");
  const says = it.says === "unstated" ? null : words(`says.${it.says}`);
  /** @type {Node} */
  let text = name;
  if (tool !== "" && says) text = words("trace.whole", { name, tool, says });
  else if (says) text = words("trace.without-tool", { name, says });
  else if (tool !== "") text = words("trace.without-says", { name, tool });
  const tone = it.class === "pixel" || it.class === "vendor-verified" ? "good" : it.class === "weak" ? "caution" : "plain";
  const inside = [];
  if (it.places.length > 0) inside.push(item("plain", words("trace.places", { places: joined(it.places.map(outside)) })));
  if (it.note !== null) inside.push(item("plain", outside(it.note)));
  return item(tone, text, { inside, fields: it.fields });
}

/**
 * The times of a picture as entries of a timeline.
 * @param {Schemas["TimelineEntry"][]} entries
 * @returns {Parameters<typeof import("../ui/lists.js").timeline>[0]}
 */
export function times(entries) {
  /** @type {number | null} */
  let before = null;
  return entries.map((it) => {
    const now = day(it.when);
    const gap = before !== null && now !== null ? apart(now - before) : null;
    before = now ?? before;
    const tone = it.grade === "declared" ? "caution" : it.grade === "signed" ? "plain" : "good";
    return {
      when: time(it.when),
      what: outside(capital(it.sentence)),
      more: some(words(`grade.${it.grade}`), " · ", outside(it.place)),
      gap,
      tone,
      firm: tone === "good",
    };
  });
}

/**
 * How long after the one before, in whole days or years: the times of a picture are rarely in one time zone.
 * @param {number} days
 */
function apart(days) {
  const count = Math.abs(days);
  if (count === 0) return t("report.gap.same-day");
  const [unit, n] = count < 730 ? ["days", count] : ["years", Math.floor((count * 400) / 146_097)];
  return t(`report.gap.${unit}-${n === 1 ? "one" : "other"}`, { n });
}

/** @param {string} sentence */
function capital(sentence) {
  return sentence.slice(0, 1).toLocaleUpperCase() + sentence.slice(1);
}
