// Short words that come and go. They are read out, and hold nothing that is not told elsewhere too.

import { h } from "../dom.js";

const SECONDS = 5;
/** @type {HTMLElement | null} */
let place = null;

/**
 * Says something that needs no answer.
 * @param {string} text
 */
export function say(text) {
  place ??= document.body.appendChild(h("div", { class: "toasts", role: "status", "aria-live": "polite" }));
  const toast = h("p", { class: "toast" }, text);
  place.append(toast);
  setTimeout(() => toast.remove(), SECONDS * 1000);
}
