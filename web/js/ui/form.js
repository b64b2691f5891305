// Fields, dialogs, tabs, progress.

import { h, id } from "../dom.js";
import { t } from "../i18n.js";
import { button } from "./basic.js";

/** @typedef {import("../dom.js").Children} Children */

/**
 * A control with its name, a hint, and room for what is wrong with it.
 * @param {string} name
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control
 * @param {{ hint?: string }} [options]
 */
export function field(name, control, { hint } = {}) {
  control.id ||= id("field");
  const error = h("span", { class: "error", id: `${control.id}-error`, "aria-live": "polite", hidden: true });
  const described = h("span", { class: "hint", id: `${control.id}-hint` }, hint ?? "");
  control.setAttribute("aria-describedby", hint === undefined ? error.id : `${described.id} ${error.id}`);
  const element = h("div", { class: "field" }, h("label", { for: control.id }, name), control, hint !== undefined && described, error);
  /** @param {string | null} what is wrong; null when nothing is */
  const told = (what) => fail(control, error, what);
  return { element, fail: told };
}

/**
 * Says what is wrong with a control; null when nothing is.
 * @param {HTMLElement} control
 * @param {HTMLElement} error where it is said
 * @param {string | null} what
 */
export function fail(control, error, what) {
  error.textContent = what ?? "";
  error.hidden = what === null;
  if (what === null) control.removeAttribute("aria-invalid");
  else control.setAttribute("aria-invalid", "true");
}

/**
 * A choice out of a few.
 * @param {[value: string, text: string][]} options
 * @param {{ value?: string, [attribute: string]: unknown }} [attributes]
 */
export function select(options, { value, ...attributes } = {}) {
  return h("select", attributes, options.map(([each, text]) => h("option", { value: each, selected: each === value }, text)));
}

/**
 * A box to tick.
 * @param {string} text
 * @param {{ checked?: boolean, [attribute: string]: unknown }} [attributes]
 */
export function checkbox(text, attributes = {}) {
  const box = h("input", { type: "checkbox", id: id("box"), ...attributes });
  return { box, element: h("div", { class: "choice" }, box, h("label", { for: box.id }, text)) };
}

/**
 * Opens a dialog; resolves with whether it was agreed to.
 * @param {string} title
 * @param {Children} content
 * @param {{ agree: string, onAgree?: () => boolean | Promise<boolean>, more?: Children }} options `onAgree` says whether it may close
 * @returns {Promise<boolean>}
 */
export function dialog(title, content, { agree, onAgree, more }) {
  const name = id("dialog");
  return new Promise((resolve) => {
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", { id: name }, title),
      content,
      h("div", { class: "actions" }, more, button(t("web.cancel"), { on: { click: () => box.close("") } }), button(agree, { class: "first", type: "submit" })),
    );
    const box = h("dialog", { "aria-labelledby": name }, form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (onAgree === undefined || (await onAgree())) box.close("agreed");
    });
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue === "agreed");
    });
    document.body.append(box);
    box.showModal();
  });
}

/**
 * Tabs; arrow keys move between them.
 * @param {string} name of all of them, read out
 * @param {{ title: string, content: Node, opened?: () => void }[]} all `opened` is called whenever the tab comes to the front
 * @param {{ chosen?: number }} [options]
 */
export function tabs(name, all, { chosen: first = 0 } = {}) {
  const panels = all.map((tab) => h("div", { role: "tabpanel", id: id("panel"), tabindex: "0" }, tab.content));
  const heads = all.map((tab, at) => h("button", { type: "button", role: "tab", id: id("tab"), "aria-controls": panels[at].id, on: { click: () => choose(at) } }, tab.title));
  /** @param {number} chosen */
  function choose(chosen) {
    heads.forEach((head, at) => {
      head.setAttribute("aria-selected", String(at === chosen));
      head.tabIndex = at === chosen ? 0 : -1;
      panels[at].hidden = at !== chosen;
      panels[at].setAttribute("aria-labelledby", head.id);
    });
    all[chosen].opened?.();
  }
  const list = h("div", { role: "tablist", "aria-label": name }, heads);
  list.addEventListener("keydown", (event) => {
    const at = heads.indexOf(/** @type {any} */ (document.activeElement));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: heads.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = (to + heads.length) % heads.length;
    choose(next);
    heads[next].focus();
  });
  choose(first);
  return h("div", { class: "tabs" }, list, panels);
}

/**
 * How far something is. Without a share it is under way, nobody knows how far.
 * @param {string} text
 */
export function progress(text) {
  const words = h("span", {}, text);
  const bar = h("progress", { max: "1", "aria-label": text });
  return {
    element: h("div", { class: "progress" }, words, bar),
    /**
     * @param {number | null} share 0..=1
     * @param {string} [now]
     */
    set(share, now) {
      if (share === null) bar.removeAttribute("value");
      else bar.value = Math.min(Math.max(share, 0), 1);
      if (now !== undefined) words.textContent = now;
    },
  };
}
