// Addresses and pages: a table of patterns, history, focus and titles.

import { put } from "./dom.js";
import { t } from "./i18n.js";

/**
 * What a page is given.
 * @typedef {object} Context
 * @property {Record<string, string>} params parts of the address that the pattern names
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal aborted when the page is left
 */
/**
 * What a page gives back, at once: what it loads it puts into its nodes later.
 * @typedef {object} View
 * @property {string} title
 * @property {Node} content holds one `h1`; `main` itself, if all stands there already
 * @property {() => void} [closed] called when the page is left
 */
/** @typedef {{ open: (context: Context) => View | Promise<View> }} PageModule */
/**
 * @typedef {object} Route
 * @property {RegExp} pattern of the whole path; named groups are the parameters
 * @property {() => Promise<PageModule>} load
 */

export class Router {
  /**
   * @param {Route[]} routes
   * @param {() => Promise<PageModule>} otherwise the page for addresses that none of them matches
   * @param {HTMLElement} main
   * @param {(path: string) => void} moved
   */
  constructor(routes, otherwise, main, moved) {
    this.routes = routes;
    this.otherwise = otherwise;
    this.main = main;
    this.moved = moved;
    /** @type {{ leave: AbortController, view: View } | null} */
    this.current = null;
    this.turn = 0;
  }

  start() {
    window.addEventListener("popstate", () => void this.show(true));
    document.addEventListener("click", (event) => this.clicked(event));
    return this.show(false);
  }

  /** @param {string} path */
  match(path) {
    for (const route of this.routes) {
      const found = route.pattern.exec(path);
      if (found) return { route, params: { ...found.groups } };
    }
    return null;
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    if (!this.match(link.pathname)) return;
    event.preventDefault();
    this.go(link.pathname + link.search + link.hash);
  }

  /**
   * Goes to an address of this page.
   * @param {string} to
   */
  go(to) {
    history.pushState(null, "", to);
    void this.show(true);
  }

  /**
   * Shows the page of the present address; `move` when it was reached from another one.
   * @param {boolean} move
   */
  async show(move) {
    this.turn += 1;
    const turn = this.turn;
    const found = this.match(location.pathname);
    const leave = new AbortController();
    const params = Object.fromEntries(Object.entries(found?.params ?? {}).map(([name, value]) => [name, decoded(value)]));
    const module = await (found?.route.load ?? this.otherwise)();
    const view = await module.open({ params, query: new URLSearchParams(location.search), signal: leave.signal });
    if (turn !== this.turn) {
      leave.abort();
      view.closed?.();
      return;
    }
    this.close();
    this.current = { leave, view };
    if (view.content !== this.main) {
      delete this.main.dataset.page;
      put(this.main, view.content);
    }
    document.title = t("web.title", { page: view.title });
    this.moved(location.pathname);
    if (move) {
      window.scrollTo(0, 0);
      const heading = this.main.querySelector("h1");
      if (heading) {
        heading.tabIndex = -1;
        heading.focus({ preventScroll: true });
      }
    }
  }

  close() {
    this.current?.leave.abort();
    this.current?.view.closed?.();
    this.current = null;
  }
}

/** @param {string | undefined} part */
function decoded(part) {
  try {
    return decodeURIComponent(part ?? "");
  } catch {
    return part ?? "";
  }
}
