// How often the checks err: found where there is nothing, and not found where there is something.

import { h } from "../dom.js";
import { number, outside, t } from "../i18n.js";
import { table } from "./lists.js";

/**
 * What was measured, as two tables.
 * @param {any} rates `error_rates` of `GET /v1/detection`
 */
export function errorRates(rates) {
  const share = (/** @type {number} */ part, /** @type {number} */ whole) => `${number(part)} / ${number(whole)}`;
  /** @type {{ what: string, n: string, in: string, on: string }[]} */
  const wrong = rates.false_positives.map((/** @type {any} */ each) => ({ what: each.what, n: share(each.errors, each.tested), in: each.pictures, on: each.measured_on }));
  const missed = rates.false_negatives;
  return h(
    "div",
    { class: "stack" },
    h("p", {}, t("web.errs.lead")),
    table({
      caption: t("web.errs.wrong"),
      columns: [
        { title: t("web.errs.what"), cell: (/** @type {typeof wrong[number]} */ row) => outside(row.what) },
        { title: t("web.errs.count"), number: true, cell: (row) => row.n },
        { title: t("web.errs.in"), cell: (row) => outside(row.in) },
        { title: t("web.errs.on"), cell: (row) => outside(row.on) },
      ],
      rows: wrong,
    }).element,
    table({
      caption: t("web.errs.missed"),
      columns: [
        { title: t("web.errs.handling"), cell: (/** @type {any} */ row) => outside(row.handling) },
        { title: t("web.errs.read"), number: true, cell: (row) => share(row.read, row.tested) },
      ],
      rows: missed.handlings,
    }).element,
    h("p", { class: "small soft" }, outside(missed.pictures)),
  );
}
