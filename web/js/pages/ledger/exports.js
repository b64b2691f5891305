// Tables to take along, each with a signed statement of what it is.

import { download } from "../../api.js";
import { h, put } from "../../dom.js";
import { t } from "../../i18n.js";
import { button, card, code, waiting } from "../../ui/basic.js";
import { problem } from "../../ui/problem.js";
import { asked } from "./records.js";

const FORMS = ["parquet", "csv", "jsonl"];

/** @param {AbortSignal} signal */
export function exports(signal) {
  const place = h("div", { class: "stack tight" });
  const wanted = asked(new URLSearchParams(location.search));
  const filter = wanted.toString();
  /** @param {string} form */
  async function take(form) {
    put(place, waiting(t("web.export.writing")));
    const query = new URLSearchParams(wanted);
    query.set("format", form);
    try {
      await download("/v1/exports", `ledger-${form}.zip`, { query, signal });
      put(place, h("p", { role: "status" }, t("web.export.done")));
    } catch (error) {
      if (!signal.aborted) put(place, problem(error, () => void take(form)));
    }
  }
  return card(
    t("web.export.title"),
    h("p", { class: "measure" }, t("web.export.text")),
    h("p", { class: "soft" }, filter === "" ? t("web.export.all") : [t("web.export.filtered"), " ", h("code", {}, filter)]),
    h("div", { class: "row" }, FORMS.map((form) => button(t(`web.export.${form}`), { drawing: "download", on: { click: () => void take(form) } }))),
    place,
    h("p", { class: "soft small" }, t("web.export.check")),
    code("colophon ledger check-export ledger.parquet --key KEY --copy MIRROR", t("web.log.command")),
  );
}
