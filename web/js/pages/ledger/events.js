// What the log tells besides pictures: keys, policies, trust lists, erasures, shards.

import { get } from "../../api.js";
import { h, put } from "../../dom.js";
import { has, outside, t, time } from "../../i18n.js";
import { button, waiting } from "../../ui/basic.js";
import { timeline } from "../../ui/lists.js";
import { problem } from "../../ui/problem.js";

/** @typedef {import("./shapes.js").Row} Row */

const LIMIT = 100;
/** @type {Record<string, import("../../ui/basic.js").Tone>} */
const TONES = { "key-revoked": "alert", "certificate-revoked": "alert", redaction: "caution", "key-retired": "caution", "trust-list-removed": "caution" };

/** @param {AbortSignal} signal */
export function events(signal) {
  const place = h("div", { class: "stack" });
  /** @type {Row[]} */
  const all = [];
  /** @param {string | null} cursor */
  async function load(cursor) {
    if (cursor === null) put(place, waiting(t("web.loading")));
    try {
      /** @type {{ events: Row[], next: string | null }} */
      const page = await get("/v1/events", { query: { order: "newest", limit: LIMIT, cursor }, signal });
      all.push(...page.events);
      const next = page.next;
      const more = next !== null && h("div", {}, button(t("web.more"), { on: { click: () => void load(next) } }));
      put(place, all.length === 0 ? h("p", { class: "empty" }, t("web.events.none")) : timeline(all.map(moment)), more);
    } catch (error) {
      if (!signal.aborted) put(place, problem(error, () => void load(cursor)));
    }
  }
  void load(null);
  return place;
}

/**
 * The facts of an event, by name.
 * @param {string | null} event
 * @returns {[name: string, value: string][]}
 */
export function facts(event) {
  return (event ?? "").split("; ").flatMap((fact) => {
    const at = fact.indexOf("=");
    return at > 0 ? [/** @type {[string, string]} */ ([fact.slice(0, at), fact.slice(at + 1)])] : [];
  });
}

/** @param {Row} row */
function moment(row) {
  const tone = TONES[row.type] ?? "plain";
  const told = facts(row.event).map(([name, value]) => h("span", { class: "fact" }, has(`web.fact.${name}`) ? t(`web.fact.${name}`) : outside(name), ": ", shown(name, value)));
  return {
    when: time(row.time),
    what: has(`web.event.${row.type}`) ? t(`web.event.${row.type}`) : outside(row.type),
    more: [...told, h("span", { class: "fact" }, t("web.fact.entry"), ": ", outside(row.record))],
    tone,
    firm: tone !== "plain",
  };
}

/**
 * @param {string} name
 * @param {string} value
 */
function shown(name, value) {
  if (name === "role" && has(`web.role.${value}`)) return t(`web.role.${value}`);
  if (name === "reason" && has(`report.ledger.erased-reason.${value}`)) return t(`report.ledger.erased-reason.${value}`);
  if (/^[0-9a-f]{32,}$/.test(value)) return h("code", { title: value }, `${value.slice(0, 16)}…`);
  return name === "from" ? time(value) : outside(value);
}
