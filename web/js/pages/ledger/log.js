// The log itself: its key, checkpoint, shards and witnesses, for whoever checks with tools of their own.

import { get } from "../../api.js";
import { h } from "../../dom.js";
import { number, outside, t, time } from "../../i18n.js";
import { badge, card, code, hash, note, pairs, waiting } from "../../ui/basic.js";
import { table } from "../../ui/lists.js";
import { fill } from "../../ui/problem.js";

/** @typedef {import("./shapes.js").Ledger} Ledger */

/** @param {AbortSignal} signal */
export function aboutLog(signal) {
  const place = h("div", { class: "await" }, waiting(t("web.loading")));
  void fill(place, () => get("/v1/ledger", { signal }), shown);
  return place;
}

/** @param {Ledger} ledger */
function shown(ledger) {
  return h(
    "div",
    { class: "stack loose" },
    card(
      t("web.log.key"),
      h("p", { class: "soft" }, t("web.log.key-text")),
      pairs([
        [t("web.log.origin"), outside(ledger.origin)],
        [t("web.log.verifier-key"), hash(ledger.verifier_key, t("web.log.verifier-key"))],
        [t("web.log.root"), ledger.checkpoint !== null && hash(ledger.checkpoint.root, t("web.log.root"))],
      ]),
    ),
    card(
      t("web.log.checkpoint"),
      h("p", { class: "soft" }, t("web.log.checkpoint-text")),
      ledger.checkpoint_note === null ? h("p", { class: "empty" }, t("web.log.no-checkpoint")) : code(ledger.checkpoint_note, t("web.log.note")),
    ),
    card(t("web.log.witnesses"), h("p", { class: "soft" }, t("web.log.witnesses-text")), witnesses(ledger)),
    shards(ledger),
    card(t("web.log.files"), h("p", { class: "soft" }, t("web.log.files-text")), code(`colophon ledger mirror ${location.origin}/tlog mirror --key '${ledger.verifier_key}'`, t("web.log.command"))),
  );
}

/** @param {Ledger} ledger */
function witnesses({ witnesses: it }) {
  if (it === null) return note("plain", t("web.log.no-witnesses"));
  return h(
    "div",
    { class: "stack" },
    it.quorum !== null && note(it.quorum ? "good" : "alert", t(it.quorum ? "web.log.quorum" : "web.log.no-quorum"), it.problem !== null && h("p", { class: "small" }, outside(it.problem))),
    h(
      "ul",
      { class: "stack" },
      it.witnesses.map((witness) =>
        h(
          "li",
          { class: "stack tight" },
          h("p", { class: "row" }, h("strong", {}, outside(witness.name)), witness.cosigned_at === null ? badge("caution", t("web.log.not-cosigned")) : badge("good", t("web.log.cosigned"), " ", time(witness.cosigned_at))),
          hash(witness.verifier_key, t("web.log.witness-key")),
        ),
      ),
    ),
  );
}

/** @param {Ledger} ledger */
function shards(ledger) {
  return table({
    caption: t("web.log.shards"),
    columns: [
      { title: t("web.log.shard"), cell: (shard) => outside(shard.name) },
      { title: t("web.log.state"), cell: (shard) => (shard.readable ? badge("plain", t(shard.sealed ? "web.log.sealed" : "web.log.open")) : badge("alert", t("web.log.unreadable"))) },
      { title: t("web.log.entries"), cell: (shard) => (shard.entries === null ? "" : number(shard.entries)), number: true },
      { title: t("web.log.root"), cell: (shard) => shard.root !== null && h("code", { title: shard.root }, `${shard.root.slice(0, 16)}…`), class: "wide-only" },
    ],
    rows: ledger.shards,
  }).element;
}
