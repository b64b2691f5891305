// The API, from its own document: addresses by area, parameters, shapes, and a command to try each.

import { get } from "../api.js";
import { h, sheet } from "../dom.js";
import { counted, outside, t } from "../i18n.js";
import { head, waiting } from "../ui/basic.js";
import { field } from "../ui/form.js";
import { fill } from "../ui/problem.js";
import { operation } from "./docs/operation.js";

/** @typedef {import("./docs/shapes.js").Document} Document */
/** @typedef {import("./docs/shapes.js").Operation} Operation */

const METHODS = ["get", "post", "put", "patch", "delete"];

/**
 * @param {import("../router.js").Context} context
 * @returns {Promise<import("../router.js").View>}
 */
export async function open({ signal }) {
  await sheet("pages");
  const place = h("div", { class: "await" }, waiting(t("web.loading")));
  void fill(place, () => get("/openapi.json", { signal }), shown);
  return {
    title: t("web.docs.title"),
    content: h("div", { class: "pages stack loose" }, head(t("web.docs.title"), t("web.docs.lead"), " ", h("a", { href: "/openapi.json" }, t("web.docs.document"))), place),
  };
}

/** @param {Document} document */
function shown(document) {
  const all = operations(document);
  const areas = [...new Set(all.map((each) => each.area))];
  const parts = areas.map((area) => {
    const items = all.filter((each) => each.area === area).map((each) => ({ each, element: operation(each, document) }));
    const element = h("section", { class: "stack tight", id: `area-${slug(area)}` }, h("h2", {}, outside(area)), items.map((item) => item.element));
    return { element, items };
  });
  const told = h("p", { class: "soft small", role: "status" });
  const search = h("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  const sift = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { element, items } of parts) {
      for (const item of items) {
        const text = `${item.each.method} ${item.each.path} ${item.each.operation.summary ?? ""} ${item.each.operation.description ?? ""}`.toLowerCase();
        item.element.hidden = !words.every((word) => text.includes(word));
      }
      const left = items.filter((item) => !item.element.hidden).length;
      element.hidden = left === 0;
      count += left;
    }
    told.textContent = counted("web.docs.operations", count);
  };
  search.addEventListener("input", sift);
  sift();
  return h(
    "div",
    { class: "sides docs" },
    h("nav", { class: "stack tight aside", "aria-label": t("web.docs.areas") }, field(t("web.docs.search"), search).element, told, h("ul", { class: "areas" }, areas.map((area) => h("li", {}, h("a", { href: `#area-${slug(area)}` }, outside(area)))))),
    h("div", { class: "stack loose" }, parts.map((part) => part.element)),
  );
}

/**
 * @param {Document} document
 * @returns {{ method: string, path: string, area: string, operation: Operation }[]}
 */
function operations(document) {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      return operation ? [{ method, path, operation: { ...operation, parameters: [...(item.parameters ?? []), ...(operation.parameters ?? [])] }, area: operation.tags?.[0] ?? t("web.docs.other") }] : [];
    }),
  );
}

/** @param {string} text */
function slug(text) {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
}
