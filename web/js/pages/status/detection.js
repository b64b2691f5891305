// What checking here covers and how often it errs, as the service itself publishes it.

import { get } from "../../api.js";
import { h, put } from "../../dom.js";
import { outside, t } from "../../i18n.js";
import { card, fold, pairs, waiting } from "../../ui/basic.js";
import { problem } from "../../ui/problem.js";
import { errorRates } from "../../ui/rates.js";

/** @param {AbortSignal} signal */
export function detection(signal) {
  const place = h("div", { class: "await short-await" }, waiting(t("web.loading")));
  const load = async () => {
    try {
      const { error_rates: rates, ...covers } = await get("/v1/detection", { signal });
      put(place, h("div", { class: "stack" }, told(covers), fold(t("web.errs.title"), errorRates(rates))));
    } catch (error) {
      if (!signal.aborted) put(place, problem(error, () => void load()));
    }
  };
  void load();
  return card(t("web.status.detection"), h("p", { class: "soft measure" }, t("web.status.detection-text")), place);
}

/**
 * Names and values, whatever they are: the answer grows with what is measured.
 * @param {unknown} value
 * @returns {Node}
 */
function told(value) {
  if (Array.isArray(value)) return h("ul", { class: "stack tight" }, value.map((each) => h("li", {}, told(each))));
  if (value === null || typeof value !== "object") return outside(value);
  return pairs(Object.entries(value).map(([name, each]) => [outside(name.replace(/_/g, " ")), told(each)]));
}
