// The ledger: whether it is still what it was, what it holds, and all of it to take along.

import { get } from "../api.js";
import { h, sheet } from "../dom.js";
import { number, t, time } from "../i18n.js";
import { badge, head, waiting } from "../ui/basic.js";
import { tabs } from "../ui/form.js";
import { fill } from "../ui/problem.js";
import { events } from "./ledger/events.js";
import { exports } from "./ledger/exports.js";
import { aboutLog } from "./ledger/log.js";
import { plots } from "./ledger/plots.js";
import { records } from "./ledger/records.js";
import { sinceLastVisit } from "./ledger/since.js";

/** @typedef {import("./ledger/shapes.js").Ledger} Ledger */

/**
 * @param {import("../router.js").Context} context
 * @returns {Promise<import("../router.js").View>}
 */
export async function open({ query, signal }) {
  await sheet("pages");
  const top = h("div", { class: "await short-await" }, waiting(t("web.loading")));
  void fill(top, () => get("/v1/ledger", { signal }), (ledger) => summary(ledger, signal));
  const views = [
    { title: t("web.ledger.tab.records"), content: records(query, signal) },
    { title: t("web.ledger.tab.events"), ...later(() => events(signal)) },
    { title: t("web.ledger.tab.plots"), ...later(() => plots(signal)) },
    { title: t("web.ledger.tab.log"), ...later(() => aboutLog(signal)) },
    { title: t("web.ledger.tab.exports"), ...later(() => exports(signal)) },
  ];
  return {
    title: t("web.ledger.title"),
    content: h("div", { class: "pages stack loose" }, head(t("web.ledger.title"), t("web.ledger.lead")), top, tabs(t("web.ledger.tabs"), views)),
  };
}

/**
 * A part that is made when its tab is first opened.
 * @param {() => Node} make
 */
function later(make) {
  const content = h("div", { class: "await" });
  return {
    content,
    opened: () => {
      if (!content.hasChildNodes()) content.append(make());
    },
  };
}

/**
 * @param {Ledger} ledger
 * @param {AbortSignal} signal
 */
function summary(ledger, signal) {
  return h(
    "div",
    { class: "stack" },
    sinceLastVisit(ledger, signal),
    h(
      "dl",
      { class: "figures" },
      figure(t("web.ledger.figure.entries"), number(ledger.entries)),
      figure(t("web.ledger.figure.last"), ledger.last === null ? t("web.none") : time(ledger.last)),
      figure(t("web.ledger.figure.shards"), number(ledger.shards.length)),
      figure(t("web.ledger.figure.witnesses"), witnessed(ledger)),
    ),
  );
}

/**
 * @param {string} name
 * @param {import("../dom.js").Children} value
 */
function figure(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

/** @param {Ledger} ledger */
function witnessed({ witnesses }) {
  if (witnesses === null) return badge("plain", t("web.ledger.witness.none"));
  const cosigned = witnesses.witnesses.filter((witness) => witness.cosigned_at !== null).length;
  const words = t("web.ledger.witness.count", { n: number(cosigned), all: number(witnesses.witnesses.length) });
  return badge(witnesses.quorum === false ? "alert" : "good", words);
}
