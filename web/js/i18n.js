// The page's words: the reports' own catalogue (policies/wording), served as JSON by language.

import { keepChoice } from "./choice.js";
import { some, h } from "./dom.js";
import * as text from "./text.js";

/** @typedef {"en" | "de"} Language */
/** @type {Record<string, string>} */
let sentences = {};
/** @type {Language} */
let current = "en";

/** The language in which the page speaks. */
export function language() {
  return current;
}

/**
 * @param {string} tag
 * @returns {Language}
 */
function known(tag) {
  return tag === "de" ? "de" : "en";
}

/**
 * Loads the words.
 * @param {Language} [wanted] else the language in which the page was served
 */
export async function speak(wanted = known(document.documentElement.lang)) {
  const answer = await fetch(new URL(`../wording/${wanted}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`the words of the page did not come: ${answer.status}`);
  sentences = await answer.json();
  current = wanted;
  document.documentElement.lang = wanted;
}

/**
 * Loads words that few pages need, beside those that are there.
 * @param {"verdicts"} part
 */
export async function speakAlso(part) {
  const answer = await fetch(new URL(`../wording/${current}-${part}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`the words of the page did not come: ${answer.status}`);
  sentences = { ...sentences, ...(await answer.json()) };
}

/**
 * Chooses a language, for the next visits too.
 * @param {Language} wanted
 */
export async function choose(wanted) {
  await speak(wanted);
  // Where it cannot be kept it holds for this visit.
  keepChoice("language", wanted);
}

/**
 * Whether there are words under a key.
 * @param {string} key
 */
export function has(key) {
  return Object.hasOwn(sentences, key);
}

/** @typedef {string | number | Node | null | undefined} Value */

/**
 * The sentence under a key in parts, its placeholders by `value`.
 * @template T
 * @param {string} key
 * @param {(name: string) => T} value
 * @returns {(string | T)[]}
 */
function parts(key, value) {
  const sentence = has(key) ? sentences[key] : text.clean(key, 200);
  return sentence.split(/\{([^{}]*)\}/).map((part, at) => (at % 2 === 0 ? part : value(part)));
}

/**
 * The sentence under a key as a text, for attributes and titles. Values come from outside: they are cleaned.
 * @param {string} key
 * @param {Record<string, string | number | null | undefined>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  return parts(key, (name) => text.clean(values[name] ?? missing(name), 120)).join("");
}

/**
 * The sentence under a key for the page. Each value stands apart (`bdi`), so that its direction of writing cannot
 * reach our words; an element is put in as it is.
 * @param {string} key
 * @param {Record<string, Value>} [values]
 * @returns {DocumentFragment}
 */
export function tx(key, values = {}) {
  return some(
    ...parts(key, (name) => {
      const value = values[name] ?? missing(name);
      return value instanceof Node ? value : typeof value === "number" ? number(value) : outside(value);
    }),
  );
}

/** @param {string} name */
function missing(name) {
  return has(`missing.${name}`) ? sentences[`missing.${name}`] : "?";
}

/**
 * `KEY.one` or `KEY.other`, by the number, which is also the value `n`.
 * @param {string} key
 * @param {number} n
 * @param {Record<string, string | number>} [values]
 */
export function counted(key, n, values = {}) {
  return t(`${key}.${n === 1 ? "one" : "other"}`, { ...values, n: number(n) });
}

/**
 * The words under a key if there are any, else a value from outside: codes can be newer than the catalogue.
 * @param {string} key
 * @param {string} otherwise
 * @returns {Node}
 */
export function or(key, otherwise) {
  return has(key) ? some(t(key)) : outside(otherwise);
}

/**
 * A value from outside, set apart from our words.
 * @param {unknown} value
 */
export function outside(value) {
  return h("bdi", {}, text.clean(value));
}

/**
 * A stated time.
 * @param {string} stated
 */
export function time(stated) {
  const read = text.time(stated, current);
  return read === null ? outside(text.clean(stated, 60)) : h("time", { datetime: stated.trim() }, read);
}

const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g;

/**
 * A sentence of a report, set apart, its times as people read them.
 * @param {string} sentence
 */
export function told(sentence) {
  const whole = text.clean(sentence);
  const [words, moments] = [whole.split(MOMENT), whole.match(MOMENT) ?? []];
  return h("bdi", {}, words.flatMap((part, at) => [part, at < moments.length && time(moments[at])]));
}

/**
 * A number as the language writes it.
 * @param {number} value
 * @param {number} [digits] behind the mark
 */
export function number(value, digits) {
  const locale = current === "en" ? "en-GB" : current;
  return new Intl.NumberFormat(locale, digits === undefined ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/**
 * Bytes as people read them.
 * @param {number} bytes
 */
export function size(bytes) {
  if (bytes < 1000) return t("report.size.bytes", { n: number(bytes) });
  if (bytes < 1_000_000) return t("report.size.kilo", { n: number(Math.round(bytes / 1000)) });
  return t("report.size.mega", { n: number(bytes / 1e6, 1) });
}

/**
 * "a", "a and b", "a, b and c".
 * @param {Node[]} items
 * @returns {Node}
 */
export function listed(items) {
  if (items.length < 2) return some(...items);
  return tx("report.and", { first: joined(items.slice(0, -1)), last: items[items.length - 1] });
}

/**
 * "a, b, c".
 * @param {Node[]} items
 * @returns {Node}
 */
export function joined(items) {
  return some(...items.flatMap((item, at) => (at === 0 ? [item] : [t("report.comma"), item])));
}
