// The picture of a report, with the heat map of its mark laid over it.

import { h, id, s } from "../dom.js";
import { number, size, t } from "../i18n.js";
import { clean } from "../text.js";
import { percent } from "./items.js";

/** @typedef {import("./items.js").Report} Report */
/** @typedef {import("./items.js").Schemas} Schemas */

/** Most cells of a map that is drawn, each way. Maps have a few dozen. */
const MOST_CELLS = 256;
/** How much of the map is seen at first, per cent. */
const FIRST = 75;

/**
 * @param {Report} report
 * @param {{ picture: string | null, heatMap: string | null }} shown addresses of the picture, and of it under its heat map
 */
export function seen(report, { picture, heatMap }) {
  const map = usable(report.evidence.watermark?.heat_map);
  const frame = h("div", { class: "picture" });
  const figure = h("figure", { class: "seen" });
  if (picture === null) {
    figure.append(h("p", { class: "none" }, t("report.page.no-thumbnail")));
  } else {
    const image = h("img", { src: picture, alt: t("web.verify.picture-alt"), decoding: "async" });
    image.addEventListener("error", () => frame.replaceWith(h("p", { class: "none" }, t("web.verify.no-preview"))));
    frame.append(image);
    figure.append(frame);
    const over = map ? drawn(map) : heatMap === null ? null : h("img", { class: "over", src: heatMap, alt: "" });
    if (over) {
      frame.append(over);
      figure.append(slider(frame, map));
    }
  }
  figure.append(h("figcaption", {}, about(report)));
  return figure;
}

/**
 * @param {Schemas["HeatMapEvidence"] | undefined} map
 */
function usable(map) {
  const whole = map && map.columns > 0 && map.rows > 0 && map.columns <= MOST_CELLS && map.rows <= MOST_CELLS;
  return whole ? map : null;
}

/** @param {Schemas["HeatMapEvidence"]} map */
function drawn(map) {
  const alt = t("report.page.heat-map-alt", { reads: percent(map.reads), silent: percent(map.silent) });
  return s(
    "svg",
    { class: "over", viewBox: `0 0 ${map.columns} ${map.rows}`, preserveAspectRatio: "none", role: "img", "aria-label": alt },
    s("path", { class: "reads", d: cells(map, "r") }),
    s("path", { class: "unclear", d: cells(map, "u") }),
    s("path", { class: "silent", d: cells(map, "s") }),
  );
}

/**
 * A path over all cells of a class, as far as the map holds them.
 * @param {Schemas["HeatMapEvidence"]} map
 * @param {string} letter
 */
function cells(map, letter) {
  return map.classes
    .slice(0, map.rows)
    .flatMap((row, y) => [...row.slice(0, map.columns)].map((cell, x) => (cell === letter ? `M${x} ${y}h1v1h-1z` : "")))
    .join("");
}

/**
 * How much of the map is seen.
 * @param {HTMLElement} frame
 * @param {Schemas["HeatMapEvidence"] | null} map
 */
function slider(frame, map) {
  const name = id("heat");
  const input = h("input", { type: "range", id: name, min: "0", max: "100", step: "5", value: String(FIRST) });
  const set = () => {
    frame.style.setProperty("--overlay", String(Number(input.value) / 100));
    input.setAttribute("aria-valuetext", t("web.verify.heat-value", { percent: number(Number(input.value)) }));
  };
  input.addEventListener("input", set);
  set();
  const letters = [["r", "web.verify.heat-reads"], ["s", "report.page.heat-silent"], ["u", "report.page.heat-unclear"]];
  const legend = map ? letters.filter(([letter]) => cells(map, letter) !== "") : [];
  return h("div", { class: "heat" }, h("label", { for: name }, t("web.verify.heat")), input, legend.map(([letter, key]) => h("p", { class: "legend", data: { cell: letter } }, t(key))));
}

/** @param {Report} report */
function about({ container }) {
  const parts = [container.format === null ? t("report.file.no-format") : clean(container.format, 40)];
  if (container.width !== null && container.height !== null) parts.push(t("report.file.pixels", { width: String(container.width), height: String(container.height) }));
  parts.push(size(container.bytes));
  if (container.trailing_bytes > 0) parts.push(t("report.file.trailing", { size: size(container.trailing_bytes) }));
  return parts.join(t("report.comma"));
}
