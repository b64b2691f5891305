// Findings as items: what a line says, at a glance and in words. The same lines as in the reports of the command line
// (crates/rendering), by the same catalogue.

import { has, joined, number, or, outside, t, tx } from "../i18n.js";
import { some } from "../dom.js";

/** @typedef {import("../ui/basic.js").Tone} Tone */
/** @typedef {import("../../types/report.js").Report} Report */
/** @typedef {import("../../types/report.js").Schemas} Schemas */

/** @typedef {{ id: string, sentence: string, failed: boolean }} Code */
/** @typedef {{ name: string, value: string | null }} Field a null value is withheld */
/**
 * One finding, with what belongs to it.
 * @typedef {object} Item
 * @property {Tone} tone
 * @property {Node} text
 * @property {boolean} fine hashes, codes and the like, for those who look closely
 * @property {Code[]} codes
 * @property {Field[]} fields
 * @property {Item[]} inside
 */

/**
 * @param {Tone} tone
 * @param {Node} text
 * @param {Partial<Item>} [more]
 * @returns {Item}
 */
export function item(tone, text, more = {}) {
  return { tone, text, fine: false, codes: [], fields: [], inside: [], ...more };
}

/**
 * A line for those who look closely, by its key.
 * @param {string} key
 * @param {Record<string, import("../i18n.js").Value>} values
 */
export function fine(key, values) {
  return item("plain", tx(`report.${key}`, values), { fine: true });
}

/**
 * @param {string} key under `report`
 * @param {Record<string, import("../i18n.js").Value>} [values]
 */
export function words(key, values) {
  return tx(`report.${key}`, values);
}

/**
 * Name and version of a program or model.
 * @param {Schemas["AgentEvidence"]} it
 */
export function agent(it) {
  return outside(it.version === null ? it.name : `${it.name} ${it.version}`);
}

/**
 * A digital source type in words, with its name.
 * @param {string} uri
 */
export function sourceType(uri) {
  const name = uri.split("/").pop() ?? uri;
  return has(`report.source-type.${name}`) ? some(t(`report.source-type.${name}`), " (", outside(name), ")") : outside(name);
}

/**
 * The model and how it was asked, in one line.
 * @param {Schemas["GenerationEvidence"]} it
 */
export function generation(it) {
  const key = it.built_in ? "model.built-in" : it.backend === "remote" ? "model.remote" : "model.named";
  /** @type {Node[]} */
  const parts = [words(key, { id: it.model_id })];
  const { seeds } = it;
  if (seeds.length === 1) parts.push(words("model.seed", { seed: outside(seeds[0]) }));
  if (seeds.length > 1) parts.push(words("model.seeds", { first: outside(seeds[0]), last: outside(seeds[seeds.length - 1]) }));
  if (it.steps !== null) parts.push(words(`steps.${it.steps === 1 ? "one" : "other"}`, { n: it.steps }));
  if (it.sampler !== null) parts.push(outside(it.sampler));
  if (it.guidance !== null) parts.push(words("model.guidance", { scale: number(it.guidance, Number.isInteger(it.guidance) ? 0 : 1) }));
  return joined(parts);
}

/**
 * What the model and its training data are licensed under, as far as it is told.
 * @param {Schemas["GenerationEvidence"]} it
 */
export function licenses(it) {
  const parts = [];
  if (it.license !== null) parts.push(words("model.license", { license: it.license }));
  if (it.training_licenses.length > 0) parts.push(words("model.training", { list: joined(it.training_licenses.map(outside)) }));
  return parts.length > 0 ? [item("plain", joined(parts))] : [];
}

/**
 * The hash of each file of the weights.
 * @param {Schemas["GenerationEvidence"]} it
 */
export function weights(it) {
  return it.weights.map((file) => fine("model.weights", { file: file.file, hash: file.sha256 }));
}

/**
 * Whose trace or mark it is; names that are words are told in the language.
 * @param {string} source
 * @param {string} name
 */
export function sourceName(source, name) {
  return or(`report.source.${source}`, name);
}

/**
 * A share as whole percent.
 * @param {number} share 0..=1
 */
export function percent(share) {
  return number(share * 100, 0);
}

