// Whether the service can do its work, and what will need a person soon.

import { get } from "../api.js";
import { h, put, sheet } from "../dom.js";
import { number, or, outside, size, t, time } from "../i18n.js";
import { badge, card, head, pairs, sign, waiting } from "../ui/basic.js";
import { table } from "../ui/lists.js";
import { problem } from "../ui/problem.js";
import { detection } from "./status/detection.js";
import { left } from "./status/expiry.js";

/** Seconds between two looks. */
const EVERY = 10;

/**
 * @typedef {{ running: number, waiting: number, at_once: number }} Work
 */
/**
 * The answer of `GET /v1/status`.
 * @typedef {object} Status
 * @property {string} version
 * @property {string} started_at
 * @property {boolean} ready
 * @property {{ name: string, well: boolean }[]} checks
 * @property {{ requests: number, connections: number, upload_bytes: number, checking: Work, issuing: Work, children: { alive: number, started: number, failed: number } }} load
 * @property {{ origin: string, entries: number, newest_at: string | null, witnesses: { name: string, cosigned_at: string | null }[], quorum: boolean | null } | null} ledger
 * @property {{ hash: string | null, up_to_date: boolean }} policy
 * @property {{ name: string, kind: string, issued: string | null, next_update: string | null, stale: boolean }[]} trust_lists
 * @property {{ role: string, not_after: string, days_left: number, renew: boolean }[]} certificates
 */

/**
 * @param {import("../router.js").Context} context
 * @returns {Promise<import("../router.js").View>}
 */
export async function open({ signal }) {
  await sheet("pages");
  const place = h("div", { class: "await" }, waiting(t("web.loading")));
  const more = detection(signal);
  // What stands below comes when its place is known.
  more.hidden = true;
  const look = async () => {
    try {
      const status = await get("/v1/status", { signal });
      put(place, shown(status));
      more.hidden = false;
    } catch (error) {
      if (!signal.aborted) put(place, problem(error, () => void look()));
    }
  };
  void look();
  const timer = setInterval(() => {
    // Nobody looks at a page in the background, and whoever reads a part of it is not to be disturbed.
    if (document.visibilityState === "visible" && !place.contains(document.activeElement)) void look();
  }, EVERY * 1000);
  return {
    title: t("web.status.title"),
    content: h("div", { class: "pages stack loose" }, head(t("web.status.title"), t("web.status.lead")), place, more),
    closed: () => clearInterval(timer),
  };
}

/** @param {Status} status */
function shown(status) {
  return h("div", { class: "stack loose" }, h("div", { class: "stack" }, sentence(status), figures(status)), load(status.load), ledger(status), lists(status), certificates(status));
}

/** @param {Status} status */
function sentence(status) {
  const tone = status.ready ? "good" : "alert";
  return h(
    "div",
    { class: "card finding", data: { tone } },
    sign(tone),
    h(
      "div",
      { class: "stack tight" },
      h("p", { class: "sentence" }, t(status.ready ? "web.status.ready" : "web.status.not-ready")),
      h("ul", { class: "row" }, status.checks.map((check) => h("li", {}, badge(check.well ? "good" : "alert", or(`web.status.check.${check.name}`, check.name), ": ", t(check.well ? "web.status.fine" : "web.status.failing"))))),
    ),
  );
}

/** @param {Status} status */
function figures({ version, started_at, load: it }) {
  /** @param {string} name @param {import("../dom.js").Children} value */
  const figure = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl",
    { class: "figures" },
    figure(t("web.status.version"), outside(version)),
    figure(t("web.status.since"), time(started_at)),
    figure(t("web.status.requests"), number(it.requests)),
    figure(t("web.status.uploads"), size(it.upload_bytes)),
  );
}

/** @param {Status["load"]} it */
function load(it) {
  return card(t("web.status.load"), h("div", { class: "stack" }, work("checking", it.checking), work("issuing", it.issuing)), h("p", { class: "soft small" }, t("web.status.children", { alive: number(it.children.alive), started: number(it.children.started), failed: number(it.children.failed) })));
}

/**
 * @param {"checking" | "issuing"} name
 * @param {Work} it
 */
function work(name, it) {
  const bar = h("progress", { max: it.at_once, value: it.running, "aria-label": t(`web.status.${name}`) });
  return h("div", { class: "progress" }, h("span", {}, h("strong", {}, t(`web.status.${name}`)), " ", t("web.status.load-text", { running: number(it.running), all: number(it.at_once), waiting: number(it.waiting) })), bar);
}

/** @param {Status} status */
function ledger({ ledger: it, policy }) {
  if (it === null) return card(t("web.ledger.title"), h("p", {}, badge("alert", t("web.status.no-ledger"))));
  const cosigned = it.witnesses.filter((witness) => witness.cosigned_at !== null).length;
  return card(
    t("web.ledger.title"),
    pairs([
      [t("web.log.origin"), outside(it.origin)],
      [t("web.ledger.figure.entries"), number(it.entries)],
      [t("web.ledger.figure.last"), it.newest_at !== null && time(it.newest_at)],
      [t("web.ledger.figure.witnesses"), it.quorum === null ? badge("plain", t("web.ledger.witness.none")) : badge(it.quorum ? "good" : "alert", t("web.ledger.witness.count", { n: number(cosigned), all: number(it.witnesses.length) }))],
      [t("web.nav.policy"), badge(policy.up_to_date ? "good" : "caution", t(policy.up_to_date ? "web.status.fine" : "web.status.old-policy"))],
    ]),
    h("p", { class: "row" }, h("a", { href: "/ledger" }, t("web.status.to-ledger")), h("a", { href: "/policy" }, t("web.status.to-policy"))),
  );
}

/** @param {Status} status */
function lists({ trust_lists: rows }) {
  return table({
    caption: t("web.status.lists"),
    columns: [
      { title: t("report.page.list-name"), cell: (list) => h("span", { class: "clip" }, outside(list.name)) },
      { title: t("report.page.list-kind"), cell: (list) => or(`report.kind.${list.kind}`, list.kind), class: "wide-only" },
      { title: t("report.page.list-issued"), cell: (list) => (list.issued === null ? h("span", { class: "soft" }, t("report.page.list-undated")) : time(list.issued)), class: "mid-only" },
      { title: t("web.status.state"), cell: (list) => (list.stale ? badge("caution", t("report.page.list-stale")) : badge("good", t("web.status.current"))) },
    ],
    rows,
  }).element;
}

/** @param {Status} status */
function certificates({ certificates: rows }) {
  return table({
    caption: t("web.status.certificates"),
    columns: [
      { title: t("web.status.key"), cell: (it) => or(`web.role.${it.role}`, it.role) },
      { title: t("web.keys.expires"), cell: (it) => time(it.not_after), class: "mid-only" },
      { title: t("web.status.state"), cell: (it) => { const { tone, words } = left(it.days_left); return badge(tone, words); } },
    ],
    rows,
  }).element;
}
