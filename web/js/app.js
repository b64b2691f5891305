// The frame of every page and what starts it.

import { add, h, icon, put, s } from "./dom.js";
import { LANGUAGES, choose, language, speak, t } from "./i18n.js";
import { NOT_FOUND, ROUTES } from "./routes.js";
import { Router } from "./router.js";
import { key, onKey, takeKey } from "./session.js";
import { askForKey } from "./ui/key.js";
import { say } from "./ui/toast.js";

takeKey();
await speak();

const main = h("main", { id: "main", class: "frame", tabindex: "-1" });
const header = h("header", { class: "top" });
const footer = h("footer", { class: "foot" });
const skip = h("a", { class: "skip", href: "#main", on: { click: skipped } });
const router = new Router(ROUTES, NOT_FOUND, main, moved);

document.body.prepend(skip, header, main, footer);
frame();
onKey(() => frame());
await router.start();

/** @param {Event} event */
function skipped(event) {
  event.preventDefault();
  main.focus();
}

/** Writes header and footer in the present language. */
function frame() {
  put(skip, t("web.frame.skip"));
  const nav = navigation();
  const open = h(
    "button",
    {
      type: "button",
      class: "icon-button menu-button",
      "aria-expanded": "false",
      "aria-controls": nav.id,
      "aria-label": t("web.frame.menu"),
      on: { click: () => open.setAttribute("aria-expanded", String(nav.classList.toggle("open"))) },
    },
    icon("menu"),
  );
  nav.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !nav.classList.contains("open")) return;
    nav.classList.remove("open");
    open.setAttribute("aria-expanded", "false");
    open.focus();
  });
  put(header, h("div", { class: "frame" }, brand(), nav, h("div", { class: "tools" }, keyButton(), languageButton(), themeButton(), open)));
  put(
    footer,
    h(
      "div",
      { class: "frame" },
      h("p", {}, t("web.frame.judgement")),
      h("ul", {}, h("li", {}, h("a", { href: "/docs" }, t("web.frame.api"))), h("li", {}, h("a", { href: "/openapi.json" }, "OpenAPI"))),
    ),
  );
  moved(location.pathname);
}

function brand() {
  const mark = s("svg", { viewBox: "0 0 32 32", fill: "none", stroke: "currentColor", "stroke-width": "2.6", "stroke-linejoin": "round", "stroke-linecap": "round", "aria-hidden": "true" });
  add(mark, s("path", { d: "M7 6h10a10 10 0 0 1 0 20H7z" }), s("path", { d: "m11.5 16 4 4 7-7.4" }));
  return h("a", { class: "brand", href: "/", translate: "no" }, mark, "Colophon");
}

function navigation() {
  const items = ROUTES.flatMap((route) => (route.nav && route.href ? [h("li", {}, h("a", { href: route.href }, t(route.nav)))] : []));
  return h("nav", { class: "nav", id: "navigation", "aria-label": t("web.frame.navigation") }, h("ul", {}, items));
}

/** @param {string} path */
function moved(path) {
  const nav = header.querySelector(".nav");
  nav?.classList.remove("open");
  header.querySelector(".menu-button")?.setAttribute("aria-expanded", "false");
  for (const link of nav?.querySelectorAll("a") ?? []) {
    if (link.pathname === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function keyButton() {
  const name = t(key() === null ? "web.key.give" : "web.key.held");
  return h("button", { type: "button", class: "icon-button", "aria-label": name, title: name, data: { held: String(key() !== null) }, on: { click: () => void askForKey() } }, icon("key"));
}

function languageButton() {
  const next = LANGUAGES.find((each) => each !== language()) ?? "en";
  const change = async () => {
    await choose(next);
    frame();
    await router.show(false);
    /** @type {HTMLElement | null} */ (header.querySelector(".language"))?.focus();
  };
  return h("button", { type: "button", class: "icon-button language", lang: next, title: t(`web.frame.speak-${next}`), on: { click: () => void change() } }, next.toUpperCase(), h("span", { class: "unseen" }, ` ${t(`web.frame.speak-${next}`)}`));
}

function themeButton() {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const shown = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const button = h("button", { type: "button", class: "icon-button theme", on: { click: change } });
  const draw = () => {
    const next = shown() === "dark" ? "light" : "dark";
    put(button, icon(next === "dark" ? "moon" : "sun"));
    button.setAttribute("aria-label", t(`web.frame.theme-${next}`));
    button.title = t(`web.frame.theme-${next}`);
  };
  function change() {
    const next = shown() === "dark" ? "light" : "dark";
    const own = next === (dark.matches ? "dark" : "light");
    if (own) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      // What the system says anyway is not kept: the page then follows the system again.
      if (own) localStorage.removeItem("colophon.theme");
      else localStorage.setItem("colophon.theme", next);
    } catch {
      say(t("web.frame.not-kept"));
    }
    draw();
  }
  dark.addEventListener("change", draw);
  draw();
  return button;
}
