// Tables, timelines and trees.

import { h, id } from "../dom.js";

/** @typedef {import("../dom.js").Children} Children */
/** @typedef {import("./basic.js").Tone} Tone */

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} title
 * @property {(row: Row) => Children} cell
 * @property {boolean} [number] set to the right
 * @property {string} [class] `mid-only` and `wide-only`: left out where there is less room
 */

/**
 * A table that scrolls sideways by itself.
 * @template Row
 * @param {{ caption: string, hidden?: boolean, columns: Column<Row>[], rows: Row[] }} it `hidden`: the caption is only read out
 */
export function table({ caption, hidden = false, columns, rows }) {
  const name = id("table");
  const body = h("tbody");
  /** @param {Row[]} more */
  const append = (more) => {
    body.append(...more.map((row) => h("tr", {}, columns.map((column) => h("td", { class: classes(column) }, column.cell(row))))));
  };
  append(rows);
  const element = h(
    "div",
    { class: "table", role: "region", "aria-labelledby": name, tabindex: "0" },
    h(
      "table",
      {},
      h("caption", { id: name, class: hidden ? "unseen" : undefined }, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: classes(column) }, column.title)))),
      body,
    ),
  );
  return { element, append };
}

/** @param {{ number?: boolean, class?: string }} column */
function classes(column) {
  return [column.number && "number", column.class].filter(Boolean).join(" ") || undefined;
}

/**
 * Times on a line.
 * @param {{ when: Node | string, what: Children, more?: Children, gap?: string | null, tone: Tone, firm?: boolean }[]} all
 */
export function timeline(all) {
  return h(
    "ol",
    { class: "timeline" },
    all.map((it) =>
      h(
        "li",
        { class: it.firm ? "firm" : undefined, data: { tone: it.tone } },
        it.gap && h("p", { class: "gap" }, it.gap),
        h("p", { class: "when" }, it.when),
        h("p", {}, it.what),
        it.more && h("p", { class: "small soft" }, it.more),
      ),
    ),
  );
}

/** @typedef {{ label: Children, more?: Children, inside?: Branch[], open?: boolean }} Branch */

/**
 * A tree of nested lists; branches fold.
 * @param {Branch[]} branches
 * @param {string} name read out
 */
export function tree(branches, name) {
  return h("ul", { class: "tree", "aria-label": name }, branches.map(branch));
}

/**
 * @param {Branch} it
 * @returns {HTMLElement}
 */
function branch(it) {
  const inside = it.inside ?? [];
  if (inside.length === 0 && !it.more) return h("li", {}, h("div", { class: "leaf" }, h("div", {}, it.label)));
  return h("li", {}, h("details", { open: it.open ?? true }, h("summary", {}, h("div", { class: "row" }, it.label)), it.more, inside.length > 0 && h("ul", {}, inside.map(branch))));
}
