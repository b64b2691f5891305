// How much was issued and checked, as drawings.

import { get } from "../../api.js";
import { h } from "../../dom.js";
import { has, number, outside, t } from "../../i18n.js";
import { waiting } from "../../ui/basic.js";
import { bars, columns } from "../../ui/chart.js";
import { fill } from "../../ui/problem.js";

/** Days that are drawn one by one; more are drawn by week. */
const DAYS = 92;

/**
 * Counts, as `colophon ledger stats --json` has them.
 * @typedef {object} Statistics
 * @property {number} pictures
 * @property {number} events
 * @property {number} unmarked
 * @property {Record<string, number>} by_day
 * @property {Record<string, number>} by_week
 * @property {Record<string, number>} by_model
 * @property {Record<string, number>} by_kind
 * @property {Record<string, number>} checks_by_rule
 * @property {Record<string, number>} checks_by_action
 */

/** @param {AbortSignal} signal */
export function plots(signal) {
  const place = h("div", { class: "await" }, waiting(t("web.plots.counting")));
  void fill(place, () => get("/v1/stats", { signal }), drawn);
  return place;
}

/** @param {Statistics} it */
function drawn(it) {
  if (it.pictures === 0) return h("p", { class: "empty" }, t("web.records.none"));
  const daily = Object.keys(it.by_day).length <= DAYS;
  const days = daily ? every(it.by_day, 1) : every(it.by_week, 7);
  const rules = Object.entries(it.checks_by_rule);
  return h(
    "div",
    { class: "stack loose" },
    h("p", { class: "soft" }, t("web.plots.lead", { pictures: number(it.pictures), unmarked: number(it.unmarked), events: number(it.events) })),
    h("div", { class: "card" }, columns({ title: t(daily ? "web.plots.by-day" : "web.plots.by-week"), counts: days, unit: t(daily ? "web.plots.day" : "web.plots.week") })),
    bars({ title: t("web.plots.by-model"), counts: Object.entries(it.by_model), unit: t("web.plots.model"), name: (name) => h("span", { class: "clip" }, outside(name)) }),
    bars({ title: t("web.plots.by-kind"), counts: Object.entries(it.by_kind), unit: t("web.plots.kind"), name: (kind) => (has(`web.kind.${kind}`) ? t(`web.kind.${kind}`) : kind) }),
    rules.length > 0
      ? [
          bars({ title: t("web.plots.by-action"), counts: Object.entries(it.checks_by_action), unit: t("web.plots.action"), name: (action) => (has(`report.action.${action}`) ? t(`report.action.${action}`) : action) }),
          bars({ title: t("web.plots.by-rule"), counts: rules, unit: t("web.plots.rule"), name: (rule) => h("a", { href: `/policy#rule-${encodeURIComponent(rule)}` }, h("code", {}, rule)) }),
        ]
      : h("p", { class: "empty" }, t("web.plots.no-checks")),
  );
}

/**
 * Days or weeks in order, those between without anything too.
 * @param {Record<string, number>} counts by `YYYY-MM-DD`
 * @param {number} step days
 * @returns {[string, number][]}
 */
function every(counts, step) {
  const names = Object.keys(counts).sort();
  const [first, last] = [names[0], names[names.length - 1]].map((name) => Date.parse(`${name}T00:00:00Z`));
  /** @type {[string, number][]} */
  const all = [];
  for (let at = first; at <= last && all.length < 4000; at += step * 86_400_000) {
    const name = new Date(at).toISOString().slice(0, 10);
    all.push([name, counts[name] ?? 0]);
  }
  return all;
}
