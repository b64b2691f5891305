// What starts the page, and what the frame of every page does.

import { keepChoice } from "./choice.js";
import { choose, speak, t } from "./i18n.js";
import { NOT_FOUND, ROUTES } from "./routes.js";
import { Router } from "./router.js";
import { key, onKey, takeKey } from "./session.js";
import { tell, the } from "./shell.js";
import { askForKey } from "./ui/key.js";
import { say } from "./ui/toast.js";

const root = document.documentElement;
const main = the(document, "main");
const nav = the(document, "nav", "#navigation");
const menu = the(document, "button", ".menu-button");
const router = new Router(ROUTES, NOT_FOUND, main, moved);

takeKey();
await speak();
the(document, "a", ".skip").addEventListener("click", skipped);
menu.addEventListener("click", () => opened(!nav.classList.contains("open")));
nav.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !nav.classList.contains("open")) return;
  opened(false);
  menu.focus();
});
const keys = the(document, "button", ".key-button");
keys.addEventListener("click", () => void askForKey());
onKey(held);
held();
for (const wanted of /** @type {const} */ (["en", "de"])) the(document, "button", `.language[lang=${wanted}]`).addEventListener("click", () => void speakFrom(wanted));
const dark = window.matchMedia("(prefers-color-scheme: dark)");
for (const to of /** @type {const} */ (["dark", "light"])) the(document, "button", `.theme[data-to=${to}]`).addEventListener("click", () => paint(to));
await router.start();

/** @param {Event} event */
function skipped(event) {
  event.preventDefault();
  main.focus();
}

/** @param {boolean} open */
function opened(open) {
  nav.classList.toggle("open", open);
  menu.setAttribute("aria-expanded", String(open));
}

/** @param {string} path */
function moved(path) {
  opened(false);
  for (const link of nav.querySelectorAll("a")) {
    if (link.pathname === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** The button says whether a key is in use. */
function held() {
  const name = key() === null ? "web.key.give" : "web.key.held";
  Object.assign(keys.dataset, { held: String(key() !== null), label: name, hint: name });
  tell(the(document, "div", ".tools"));
}

/**
 * Of the two buttons for languages, and of those for themes, the style sheet shows the one that leads elsewhere; the
 * focus goes to the one that comes in its place.
 * @param {import("./i18n.js").Language} wanted
 */
async function speakFrom(wanted) {
  await choose(wanted);
  tell(document);
  await router.show(false);
  the(document, "button", `.language:not([lang=${wanted}])`).focus();
}

/** @param {"dark" | "light"} to */
function paint(to) {
  const own = to === (dark.matches ? "dark" : "light");
  if (own) delete root.dataset.theme;
  else root.dataset.theme = to;
  // What the system says anyway is not kept: the page then follows the system again.
  if (!keepChoice("theme", own ? null : to)) say(t("web.frame.not-kept"));
  the(document, "button", `.theme:not([data-to=${to}])`).focus();
}
