// Signs, badges, notes, cards, pairs, folds: the small parts that pages are made of.

import { h, icon, id } from "../dom.js";
import { t } from "../i18n.js";
import { clean, escaped } from "../text.js";
import { say } from "./toast.js";

/** What a line says at a glance; the reports' four marks. @typedef {"good" | "caution" | "alert" | "plain"} Tone */
/** @typedef {import("../dom.js").Children} Children */

/** @type {Record<Tone, string>} */
const GLYPHS = { good: "✓", caution: "?", alert: "!", plain: "–" };

/**
 * A round sign, with its meaning in words for those who do not see it.
 * @param {Tone} tone
 */
export function sign(tone) {
  return h("span", { class: "sign", data: { tone } }, h("span", { "aria-hidden": "true" }, GLYPHS[tone]), h("span", { class: "unseen" }, t(`report.mark.${tone}`)));
}

/**
 * A word in a coloured pill.
 * @param {Tone} tone
 * @param {...Children} words
 */
export function badge(tone, ...words) {
  return h("span", { class: "badge", data: { tone } }, ...words);
}

/**
 * A statement that stands out.
 * @param {Tone} tone
 * @param {...Children} children
 */
export function note(tone, ...children) {
  return h("div", { class: "note", data: { tone } }, ...children);
}

/**
 * A part of a page on a card, named by its heading.
 * @param {string} title
 * @param {...Children} children
 */
export function card(title, ...children) {
  const name = id("card");
  return h("section", { class: "card", "aria-labelledby": name }, h("h2", { id: name }, title), ...children);
}

/**
 * The head of a page: its only `h1`, and a sentence or two.
 * @param {string} title
 * @param {...Children} lead
 */
export function head(title, ...lead) {
  return h("div", { class: "page-head" }, h("h1", {}, title), lead.length > 0 && h("p", {}, ...lead));
}

/**
 * Names and values; pairs without a value are left out.
 * @param {[string | Node, Children][]} all
 */
export function pairs(all) {
  const told = all.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "");
  return h("dl", { class: "pairs" }, told.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/**
 * A part that is folded until it is asked for.
 * @param {Children} summary
 * @param {Children} inside
 * @param {{ open?: boolean }} [options]
 */
export function fold(summary, inside, { open = false } = {}) {
  return h("details", { class: "fold", open }, h("summary", {}, summary), h("div", { class: "inside" }, inside));
}

/**
 * A button that copies a text.
 * @param {string | (() => string)} text
 * @param {string} what read out before "copy"
 */
export function copy(text, what) {
  const name = t("web.copy.name", { what });
  const button = h("button", { type: "button", class: "copy no-print", "aria-label": name, title: name }, icon("copy"));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      button.replaceChildren(icon("check"));
      say(t("web.copy.done"));
      setTimeout(() => button.replaceChildren(icon("copy")), 2000);
    } catch {
      say(t("web.copy.failed"));
    }
  });
  return button;
}

/**
 * A hash, id or address in full, with a button to copy it.
 * @param {string} value
 * @param {string} what
 */
export function hash(value, what) {
  return h("span", { class: "hash" }, h("code", { translate: "no" }, h("bdi", {}, clean(value))), copy(value, what));
}

/**
 * Text as a machine writes it.
 * @param {string} text
 * @param {string} what named for those who do not see it
 */
export function code(text, what) {
  return h("div", { class: "code-block" }, h("pre", { tabindex: "0", role: "region", "aria-label": what, translate: "no" }, h("code", {}, escaped(text))), copy(text, what));
}

/**
 * @param {string} text
 * @param {{ class?: string, type?: "button" | "submit", on?: Record<string, (event: any) => void>, drawing?: string, [name: string]: unknown }} [attributes]
 */
export function button(text, { class: name = "", drawing, type = "button", ...attributes } = {}) {
  return h("button", { type, class: `button ${name}`.trim(), ...attributes }, drawing && icon(drawing), text);
}

/**
 * A turning circle with words.
 * @param {string} text
 */
export function waiting(text) {
  return h("p", { class: "row soft", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), text);
}
