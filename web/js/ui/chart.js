// Counts as drawings: columns over days, bars by name. What they show stands in a table too.

import { h, put, s } from "../dom.js";
import { number, outside, t, time } from "../i18n.js";
import { fold } from "./basic.js";
import { table } from "./lists.js";

const HEIGHT = 180;
const LEFT = 40;
const BELOW = 24;
const ABOVE = 8;

/** @typedef {[name: string, count: number][]} Counts */

/**
 * Columns over time, drawn as wide as there is room, with the numbers folded below.
 * @param {{ title: string, counts: Counts, unit: string }} it days as `YYYY-MM-DD`, in order; `unit` heads the column of days
 */
export function columns({ title, counts, unit }) {
  const place = h("div", { class: "chart" });
  const draw = () => {
    if (place.clientWidth > 0) put(place, drawing(title, counts, place.clientWidth));
  };
  new ResizeObserver(draw).observe(place);
  const numbers = table({
    caption: title,
    hidden: true,
    columns: [
      { title: unit, cell: ([day]) => time(day) },
      { title: t("web.chart.count"), cell: ([, count]) => number(count), number: true },
    ],
    rows: [...counts].reverse(),
  });
  return h("figure", { class: "stack tight" }, h("figcaption", { class: "label" }, title), place, fold(t("web.chart.as-table"), h("div", { class: "short" }, numbers.element)));
}

/**
 * @param {string} title
 * @param {Counts} counts
 * @param {number} width pixels
 */
function drawing(title, counts, width) {
  const most = Math.max(1, ...counts.map(([, count]) => count));
  const top = above(most);
  const step = (width - LEFT) / Math.max(counts.length, 1);
  const high = HEIGHT - BELOW - ABOVE;
  const y = (/** @type {number} */ count) => ABOVE + high * (1 - count / top);
  const summary = counts.length > 0 ? t("web.chart.summary", { title, first: counts[0][0], last: counts[counts.length - 1][0], most: number(most) }) : title;
  const lines = [0, 0.5, 1].map((share) => top * share).filter(Number.isInteger);
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": summary },
    lines.flatMap((count) => [
      s("line", { class: "grid-line", x1: LEFT, x2: width, y1: y(count), y2: y(count) }),
      s("text", { class: "tick", x: LEFT - 8, y: y(count) + 4, "text-anchor": "end" }, number(count)),
    ]),
    counts.map(([day, count], at) => {
      const gap = step > 6 ? 1.5 : step > 3 ? 0.5 : 0;
      return s(
        "g",
        { class: "column" },
        s("rect", { class: "ground", x: LEFT + at * step, y: ABOVE, width: step, height: high }),
        s("rect", { class: "bar", x: LEFT + at * step + gap, y: y(count), width: Math.max(step - 2 * gap, 0.5), height: Math.max(high - (y(count) - ABOVE), 0), rx: Math.min(2, step / 4) }),
        s("title", {}, `${time(day).textContent}: ${number(count)}`),
      );
    }),
    dates(counts, width, step),
  );
}

/**
 * As many dates under the columns as there is room for.
 * @param {Counts} counts
 * @param {number} width
 * @param {number} step
 */
function dates(counts, width, step) {
  const room = Math.max(1, Math.floor((width - LEFT) / 110));
  const every = Math.max(1, Math.ceil(counts.length / room));
  return counts.flatMap(([day], at) => {
    const x = LEFT + (at + 0.5) * step;
    if (at % every !== 0 || (at > 0 && x > width - 50)) return [];
    return [s("text", { class: "tick", x: at === 0 ? LEFT : x, y: HEIGHT - 6, "text-anchor": at === 0 ? "start" : "middle" }, time(day).textContent ?? "")];
  });
}

/**
 * A round number that is not less.
 * @param {number} count
 */
function above(count) {
  const unit = 10 ** Math.floor(Math.log10(count));
  return [1, 2, 4, 5, 10].map((times) => times * unit).find((round) => round >= count) ?? count;
}

/**
 * Bars by name: a table whose rows carry their bar.
 * @param {{ title: string, counts: Counts, unit: string, name?: (name: string) => import("../dom.js").Children }} it `unit` heads the column of names
 */
export function bars({ title, counts, unit, name = outside }) {
  const sorted = [...counts].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1));
  const most = Math.max(1, ...sorted.map(([, count]) => count));
  const all = sorted.reduce((sum, [, count]) => sum + count, 0);
  /** @param {number} count */
  const bar = (count) =>
    s("svg", { class: "bar-line", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, s("rect", { class: "bar", width: (100 * count) / most, height: 10 }));
  return table({
    caption: title,
    columns: [
      { title: unit, cell: ([each]) => name(each) },
      { title: t("web.chart.share"), cell: ([, count]) => bar(count), class: "bar-cell" },
      { title: t("web.chart.count"), cell: ([, count]) => h("span", { title: t("web.chart.percent", { share: number((100 * count) / Math.max(all, 1), 1) }) }, number(count)), number: true },
    ],
    rows: sorted,
  }).element;
}
