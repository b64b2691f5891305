// Records: filters, which stand in the address too, and a table that grows page by page.

import { address, get } from "../../api.js";
import { add, h, put } from "../../dom.js";
import { counted, has, outside, t, time } from "../../i18n.js";
import { badge, button, waiting } from "../../ui/basic.js";
import { field, select } from "../../ui/form.js";
import { table } from "../../ui/lists.js";
import { problem } from "../../ui/problem.js";

/** @typedef {import("./shapes.js").Row} Row */

const LIMIT = 50;
const HEX16 = "[0-9a-fA-F]{16}";
const HEX64 = "[0-9a-fA-F]{64}";
/**
 * What can be asked for, in the words of the API. Those that ask for private facts need a key for them.
 * @type {{ name: string, pattern?: string, type?: string, often?: boolean }[]}
 */
const FILTERS = [
  { name: "since", type: "date", often: true },
  { name: "until", type: "date", often: true },
  { name: "model", often: true },
  { name: "asset", pattern: HEX64 },
  { name: "manifest_id" },
  { name: "signer", pattern: HEX64 },
  { name: "policy", pattern: HEX64 },
  { name: "weights", pattern: HEX64 },
  { name: "watermark", pattern: HEX16 },
  { name: "like", pattern: HEX64 },
  { name: "verdict" },
];

/**
 * What the address asks for.
 * @param {URLSearchParams} query
 */
export function asked(query) {
  const all = new URLSearchParams();
  for (const name of [...FILTERS.map((filter) => filter.name), "kind"]) {
    const value = query.get(name);
    if (value) all.set(name, value);
  }
  return all;
}

/**
 * @param {URLSearchParams} query of the page
 * @param {AbortSignal} signal
 */
export function records(query, signal) {
  const list = h("div", { class: "stack await" });
  const form = filterForm(asked(query), (wanted) => {
    history.replaceState(history.state, "", address(location.pathname, wanted));
    show(wanted);
  });
  /** @type {AbortController | null} */
  let running = null;
  /** @param {URLSearchParams} wanted */
  function show(wanted) {
    running?.abort();
    running = new AbortController();
    void load(list, wanted, AbortSignal.any([signal, running.signal]));
  }
  show(asked(query));
  return h("div", { class: "stack" }, form, list);
}

/**
 * @param {URLSearchParams} present
 * @param {(wanted: URLSearchParams) => void} ask
 */
function filterForm(present, ask) {
  const rows = FILTERS.map((filter) => {
    const more = filter.pattern === undefined ? {} : { pattern: filter.pattern, spellcheck: "false", class: "mono" };
    const control = h("input", { name: filter.name, type: filter.type ?? "text", autocomplete: "off", maxlength: "300", value: present.get(filter.name), ...more });
    const hint = has(`web.filter.hint.${filter.name}`) ? t(`web.filter.hint.${filter.name}`) : undefined;
    return { filter, element: field(t(`web.filter.${filter.name}`), control, { hint }).element };
  });
  /** @type {[string, string][]} */
  const kinds = [["", t("web.filter.any")], ["generate", t("web.kind.generate")], ["stamp", t("web.kind.stamp")]];
  const kind = field(t("web.filter.kind"), select(kinds, { name: "kind", value: present.get("kind") ?? "" }));
  const often = rows.filter((row) => row.filter.often).map((row) => row.element);
  const seldom = rows.filter((row) => !row.filter.often);
  const open = seldom.some((row) => present.has(row.filter.name));
  const form = h(
    "form",
    { class: "filters", "aria-label": t("web.filter.name") },
    h("div", { class: "fields" }, often, kind.element),
    h("details", { open }, h("summary", { class: "small" }, t("web.filter.more")), h("div", { class: "fields" }, seldom.map((row) => row.element))),
    h("div", { class: "row" }, button(t("web.filter.apply"), { class: "first", type: "submit", drawing: "search" }), button(t("web.filter.clear"), { class: "quiet", on: { click: clear } })),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string" && value.trim() !== "") wanted.set(name, value.trim());
    }
    ask(wanted);
  });
  function clear() {
    for (const input of form.querySelectorAll("input")) input.value = "";
    for (const choice of form.querySelectorAll("select")) choice.value = "";
    ask(new URLSearchParams());
  }
  return form;
}

/**
 * @param {Element} list
 * @param {URLSearchParams} wanted
 * @param {AbortSignal} signal
 */
async function load(list, wanted, signal) {
  put(list, waiting(t("web.loading")));
  try {
    const page = await fetchPage(wanted, null, signal);
    put(list, page.records.length === 0 ? nothing(wanted) : grown(page, wanted, signal));
  } catch (error) {
    if (!signal.aborted) put(list, problem(error, () => void load(list, wanted, signal)));
  }
}

/** @param {URLSearchParams} wanted */
function nothing(wanted) {
  return h("div", { class: "empty" }, h("p", {}, t([...wanted.keys()].length > 0 ? "web.records.none-found" : "web.records.none")));
}

/**
 * @param {URLSearchParams} wanted
 * @param {string | null} cursor
 * @param {AbortSignal} signal
 * @returns {Promise<{ records: Row[], next: string | null }>}
 */
function fetchPage(wanted, cursor, signal) {
  const query = new URLSearchParams(wanted);
  query.set("order", "newest");
  query.set("limit", String(LIMIT));
  if (cursor !== null) query.set("cursor", cursor);
  return get("/v1/records", { query, signal });
}

/**
 * The table with a button for more.
 * @param {{ records: Row[], next: string | null }} first
 * @param {URLSearchParams} wanted
 * @param {AbortSignal} signal
 */
function grown(first, wanted, signal) {
  const { element, append } = table({ caption: t("web.records.caption"), hidden: true, columns: columns(), rows: first.records });
  let shown = first.records.length;
  let next = first.next;
  const told = h("p", { class: "soft small", role: "status" });
  const place = h("div", { class: "row spread" });
  const more = button(t("web.more"), { on: { click: () => void go() } });
  tell();
  function tell() {
    put(told, counted(next === null ? "web.records.all" : "web.records.shown", shown));
    put(place, told, next !== null && more);
  }
  async function go() {
    more.disabled = true;
    try {
      const page = await fetchPage(wanted, next, signal);
      const at = element.querySelector("tbody")?.rows.length ?? 0;
      append(page.records);
      shown += page.records.length;
      next = page.next;
      tell();
      // Whoever goes on by keyboard goes on with the first new row.
      element.querySelector("tbody")?.rows[at]?.querySelector("a")?.focus({ preventScroll: true });
    } catch (error) {
      if (!signal.aborted) add(place, problem(error, () => { tell(); void go(); }));
    } finally {
      more.disabled = false;
    }
  }
  return h("div", { class: "stack tight" }, element, place);
}

/** @returns {import("../../ui/lists.js").Column<Row>[]} */
function columns() {
  return [
    { title: t("web.records.record"), cell: link },
    { title: t("web.records.made-by"), cell: madeBy },
    { title: t("web.records.kind"), cell: (row) => (row.kind === null ? "" : t(`web.kind.${row.kind}`)), class: "wide-only" },
    { title: t("web.records.size"), cell: (row) => (row.width === null ? "" : `${row.width} × ${row.height}`), number: true, class: "wide-only" },
    { title: t("web.records.mark"), cell: (row) => (row.marked === null ? "" : badge(row.marked ? "good" : "caution", t(row.marked ? "web.records.marked" : "web.records.unmarked"))), class: "mid-only" },
    { title: t("web.records.signer"), cell: (row) => row.signer_key_id !== null && h("code", { title: row.signer_key_id }, row.signer_key_id.slice(0, 8)), class: "wide-only" },
  ];
}

/** @param {Row} row */
function madeBy(row) {
  if (row.generator === null) return h("span", { class: "soft" }, t("web.records.not-stated"));
  return h("span", { class: "clip" }, outside(row.generator), row.generator_version !== null && [" ", h("span", { class: "soft" }, outside(row.generator_version))]);
}

/** @param {Row} row */
function link(row) {
  return h("div", { class: "entry" }, h("a", { href: `/records/${encodeURIComponent(row.id)}` }, outside(row.record)), h("span", { class: "soft" }, time(row.time)), !row.proven && badge("alert", t("web.records.unproven")));
}
