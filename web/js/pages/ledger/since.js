// Whether anything was rewritten since this browser saw the ledger last, found out on this device.

import { ask, keep } from "../../api.js";
import { h, put } from "../../dom.js";
import { counted, number, outside, t, time, tx } from "../../i18n.js";
import { canVerify } from "../../log/note.js";
import { evidence, recall, watch } from "../../log/watch.js";
import { button, fold, hash, sign, waiting } from "../../ui/basic.js";
import { dialog } from "../../ui/form.js";
import { problem } from "../../ui/problem.js";

/** @typedef {import("./shapes.js").Ledger} Ledger */
/** @typedef {import("../../log/watch.js").Watched} Watched */
/** @typedef {import("../../log/watch.js").Memory} Memory */

const NAME = "colophon.log";

/** @returns {Memory | null} */
function remembered() {
  try {
    return recall(localStorage.getItem(NAME));
  } catch {
    return null;
  }
}

/**
 * Whether it could be kept.
 * @param {Memory | null} memory
 */
function remember(memory) {
  try {
    if (memory === null) localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, JSON.stringify(memory));
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {Ledger} ledger
 * @param {AbortSignal} signal
 */
export function sinceLastVisit(ledger, signal) {
  const place = h("section", { class: "since", "aria-label": t("web.since.name"), "aria-live": "polite" });
  void look(place, ledger, signal);
  return place;
}

/**
 * @param {HTMLElement} place
 * @param {Ledger} ledger
 * @param {AbortSignal} signal
 */
async function look(place, ledger, signal) {
  put(place, waiting(t("web.since.checking")));
  const past = remembered();
  const again = () => void look(place, ledger, signal);
  try {
    if (!(await canVerify())) {
      put(place, line("plain", t("web.since.unchecked"), h("p", {}, t("web.since.no-crypto"))));
      return;
    }
    const watched = await watch(past, ledger.verifier_key, files(signal), Date.now());
    if (signal.aborted) return;
    const bad = watched.findings.length > 0;
    const kept = bad || remember(watched.memory);
    put(place, bad ? alarm(watched, past, again) : calm(watched, past, kept));
  } catch (error) {
    if (signal.aborted) return;
    put(place, line("caution", t("web.since.unchecked"), problem(error, again)));
  }
}

/**
 * @param {AbortSignal} signal
 * @returns {import("../../log/watch.js").Files}
 */
function files(signal) {
  // What changes must come from the server, not from a cache of this browser.
  const fetched = (/** @type {string} */ path) => ask(`/tlog/${path}`, { signal });
  return {
    text: async (path) => (await fetched(path)).text(),
    bytes: async (path) => new Uint8Array(await (await fetched(path)).arrayBuffer()),
  };
}

/**
 * @param {import("../../ui/basic.js").Tone} tone
 * @param {string} sentence
 * @param {...import("../../dom.js").Children} more
 */
function line(tone, sentence, ...more) {
  return h("div", { class: "card finding", data: { tone } }, sign(tone), h("div", { class: "stack tight" }, h("p", { class: "sentence" }, sentence), ...more));
}

/**
 * @param {Watched} watched
 * @param {Memory | null} past
 * @param {boolean} kept
 */
function calm(watched, past, kept) {
  const when = past === null ? "" : time(new Date(past.at).toISOString());
  const since = watched.state === "first" ? t("web.since.first") : tx(watched.state === "same" ? "web.since.same" : "web.since.grown", { when, entries: counted("web.entries", watched.added) });
  return line(
    "good",
    t(watched.state === "first" ? "web.since.first-title" : "web.since.good"),
    h("p", { class: "soft" }, since),
    !kept && h("p", { class: "soft" }, t("web.since.not-kept")),
    fold(
      t("web.since.how"),
      h(
        "div",
        { class: "stack tight" },
        h("p", {}, t(watched.state === "first" ? "web.since.how-first" : "web.since.how-text", { tiles: number(watched.tiles), size: number(watched.size) })),
        h("p", { class: "small soft" }, t("web.since.key")),
        hash(watched.memory.key, t("web.since.key-name")),
      ),
    ),
  );
}

/**
 * @param {Watched} watched
 * @param {Memory | null} past
 * @param {() => void} again
 */
function alarm(watched, past, again) {
  const keyOnly = watched.findings.every((finding) => finding.what === "key-changed");
  const accept = async () => {
    const agreed = await dialog(t("web.since.accept-title"), h("p", {}, t("web.since.accept-text")), { agree: t("web.since.accept-agree") });
    if (!agreed) return;
    remember(null);
    again();
  };
  return h(
    "div",
    { role: "alert" },
    line(
      keyOnly ? "caution" : "alert",
      t(keyOnly ? "web.since.key-changed" : "web.since.bad"),
      watched.findings.flatMap((finding) => [
        h("p", {}, tx(`web.since.finding.${finding.what}`, { from: number(finding.from ?? 0), to: number(finding.to ?? 0) })),
        h("p", { class: "small soft" }, outside(finding.log)),
      ]),
      past && h("p", { class: "soft" }, tx("web.since.seen", { when: time(new Date(past.at).toISOString()) })),
      h("p", {}, t(keyOnly ? "web.since.key-advice" : "web.since.advice")),
      h(
        "div",
        { class: "row" },
        button(t("web.since.evidence"), { class: keyOnly ? "" : "first", drawing: "download", on: { click: () => watched.findings.forEach(save) } }),
        button(t("web.again"), { on: { click: again } }),
        past && button(t("web.since.accept"), { class: "quiet", on: { click: () => void accept() } }),
      ),
    ),
  );
}

/**
 * @param {import("../../log/watch.js").Finding} finding
 * @param {number} at
 */
function save(finding, at) {
  keep(new Blob([evidence(finding)], { type: "text/plain" }), `evidence-${at + 1}.txt`);
}
