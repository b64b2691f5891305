// What went wrong, in words, and what can be done.

import { h } from "../dom.js";
import { Problem } from "../api.js";
import { counted, has, outside, t } from "../i18n.js";
import { button, note } from "./basic.js";
import { askForKey } from "./key.js";

/**
 * The sentence for an error.
 * @param {unknown} error
 */
export function sentence(error) {
  if (!(error instanceof Problem)) return t("web.problem.unknown");
  const key = `web.problem.${error.code}`;
  return has(key) ? t(key) : error.title;
}

/**
 * An error for the page, with a button to try again or to give a key.
 * @param {unknown} error
 * @param {() => void} [again]
 */
export function problem(error, again) {
  const it = error instanceof Problem ? error : null;
  if (it === null) console.error(error);
  const needsKey = it?.code === "unauthenticated" || it?.code === "forbidden";
  const giveKey = async () => {
    if (await askForKey()) again?.();
  };
  return h(
    "div",
    { role: "alert" },
    note(
      needsKey ? "caution" : "alert",
      h("strong", {}, sentence(error)),
      it?.detail && h("p", {}, outside(it.detail)),
      it?.retryAfter && h("p", {}, counted("web.problem.wait", it.retryAfter)),
      it?.requestId && h("p", { class: "small soft" }, t("web.problem.request", { id: it.requestId })),
      h(
        "div",
        { class: "row no-print" },
        needsKey && button(t("web.key.give"), { class: "small", drawing: "key", on: { click: () => void giveKey() } }),
        again && button(t("web.again"), { class: "small", on: { click: again } }),
      ),
    ),
  );
}

/**
 * Puts into an element what was waited for, or what went wrong with it.
 * @template T
 * @param {Element} place
 * @param {() => Promise<T>} load
 * @param {(it: T) => Node} show
 */
export async function fill(place, load, show) {
  place.setAttribute("aria-busy", "true");
  try {
    place.replaceChildren(show(await load()));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    place.replaceChildren(problem(error, () => void fill(place, load, show)));
  } finally {
    place.removeAttribute("aria-busy");
  }
}
