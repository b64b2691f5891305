// What the server sends as markup (index.html): the frame, and the first view. An element names its sentences:
// `data-t` its text, `data-label` what it is called for those who do not see it, `data-hint` what a pointer shows.

import { t } from "./i18n.js";

/**
 * The element of the served markup that a selector names.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {ParentNode} root
 * @param {T} tag
 * @param {string} [rest] of the selector
 * @returns {HTMLElementTagNameMap[T]}
 */
export function the(root, tag, rest = "") {
  const found = root.querySelector(tag + rest);
  if (found === null) throw new Error(`index.html has no ${tag}${rest}`);
  return /** @type {HTMLElementTagNameMap[T]} */ (found);
}

/**
 * Writes the sentences of a part in the present language.
 * @param {ParentNode} root
 */
export function tell(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.getAttribute("data-t") ?? "");
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.getAttribute("data-label") ?? ""));
  for (const element of root.querySelectorAll("[data-hint]")) element.setAttribute("title", t(element.getAttribute("data-hint") ?? ""));
}

/**
 * What a page begins with: `main` itself where the server put it there, so that nothing that was typed or focused is
 * lost; later a new one.
 * @param {string} name of its template
 * @returns {HTMLElement | DocumentFragment}
 */
export function begun(name) {
  const main = the(document, "main");
  if (main.dataset.page === name) {
    delete main.dataset.page;
    return main;
  }
  const fresh = /** @type {DocumentFragment} */ (the(document, "template", `#${name}`).content.cloneNode(true));
  tell(fresh);
  return fresh;
}
