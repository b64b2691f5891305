// A report on the page: the sentence first, then times, evidence, what was not checked, and the details.

import { h, id, some } from "../dom.js";
import { number, or, outside, size, t, time, told, tx } from "../i18n.js";
import { clean } from "../text.js";
import { badge, card, code, fold, hash, pairs, sign } from "../ui/basic.js";
import { table, timeline, tree } from "../ui/lists.js";
import { chain } from "./chain.js";
import { sections } from "./evidence.js";
import { seen } from "./picture.js";
import { times } from "./traces.js";

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").Report} Report */
/** @typedef {import("./items.js").Tone} Tone */

/** @type {Record<string, Tone>} */
const TONES = { "evidence-found": "good", flagged: "alert", "could-not-check": "caution", "nothing-found": "plain" };

/**
 * What an outcome says at a glance.
 * @param {Report} report
 */
export function toneOf(report) {
  return TONES[report.outcome] ?? "plain";
}

/**
 * @param {Report} report
 * @param {{ picture: string | null, heatMap: string | null }} shown
 * @param {{ heading: string, actions: import("../dom.js").Children }} more id of the heading; what can be done with the report
 */
export function reportView(report, shown, { heading, actions }) {
  const hasBytes = report.error === null || report.container.sha256 !== null;
  const top = h("div", { class: "report-top" });
  const article = h("article", { class: "report", "aria-labelledby": heading, data: { tone: toneOf(report) } }, top);
  if (!hasBytes) {
    top.append(answer(report, heading, null));
    return article;
  }
  const all = sections(report);
  const anchors = new Map(all.map((section) => [section.key, id(section.key)]));
  top.append(answer(report, heading, glance(all, anchors)), seen(report, shown));
  article.append(h("div", { class: "beside" }, known(report), unchecked(report)), readers(all, anchors));
  const branches = chain(report);
  if (branches.length > 0) article.append(card(t("web.verify.chain"), h("p", { class: "gloss" }, t("web.verify.chain-gloss")), tree(branches, t("web.verify.chain"))));
  article.append(h("div", { class: "no-print" }, actions), details(report));
  return article;
}

/**
 * @param {Report} report
 * @param {string} heading
 * @param {Node | null} glance
 */
function answer(report, heading, glance) {
  const { verdict } = report;
  const bytes = report.error === null || report.container.sha256 !== null;
  const undecoded = report.error === null ? null : bytes ? t("report.undecoded", { why: report.error.message }) : `${clean(report.error.message)}.`;
  return h(
    "div",
    { class: "answer" },
    h("p", { class: "file" }, outside(report.file)),
    h("p", { class: "outcome" }, sign(toneOf(report)), t(`report.outcome.${report.outcome}`)),
    h("h2", { id: heading, tabindex: "-1" }, bytes ? told(verdict.headline) : undecoded),
    bytes && [
      h("p", { class: "action" }, h("span", { class: "label" }, t("report.recommended")), h("strong", {}, t(`report.action.${verdict.action}`)), t(`action.${verdict.action}`)),
      contradictions(report),
      undecoded !== null && h("p", { class: "explanation" }, h("strong", {}, undecoded)),
      h("p", { class: "explanation" }, told(verdict.explanation)),
    ],
    glance,
  );
}

/** @param {Report} report */
function contradictions({ verdict }) {
  if (verdict.contradictions.length === 0) return null;
  const lines = verdict.contradictions.map((each) => h("li", {}, told(each.sentence), h("code", { translate: "no" }, outside(each.code))));
  return h("section", { class: "contradictions" }, h("h3", {}, t("report.title.contradictions")), h("ul", {}, lines));
}

/** @typedef {ReturnType<typeof sections>} Sections */

/**
 * Every reader in a word, with a sign.
 * @param {Sections} all
 * @param {Map<string, string>} anchors
 */
function glance(all, anchors) {
  const links = all.map((section) => h("li", {}, h("a", { href: `#${anchors.get(section.key)}` }, sign(section.items[0].tone), t(`report.label.${section.key}`))));
  return h("nav", { "aria-label": t("web.verify.glance"), class: "no-print" }, h("ul", { class: "glance" }, links));
}

/** @param {Report} report */
function known({ evidence }) {
  const counted = evidence.counted_time;
  const all = evidence.timeline;
  return card(
    t("web.verify.timeline"),
    all.length === 0 ? h("p", { class: "soft" }, t("web.verify.no-times")) : timeline(times(all)),
    counted && h("p", { class: "gloss" }, told(counted.sentence)),
  );
}

/** @param {Report} report */
function unchecked({ not_checked: all }) {
  const lines = all.map((each) => h("li", {}, badge("caution", or(`report.what.${each.what}`, each.what)), h("p", {}, told(each.why))));
  return card(t("web.verify.unchecked"), h("p", { class: "gloss" }, t("web.verify.absence")), lines.length === 0 ? h("p", {}, t("web.verify.all-checked")) : h("ul", { class: "stack tight" }, lines));
}

/**
 * @param {Sections} all
 * @param {Map<string, string>} anchors
 */
function readers(all, anchors) {
  const name = id("evidence");
  return h(
    "section",
    { class: "readers", "aria-labelledby": name },
    h("h2", { id: name }, t("report.page.evidence")),
    all.map((section) =>
      h(
        "section",
        { class: "reader", id: anchors.get(section.key) },
        h("div", {}, h("h3", {}, t(`report.title.${section.key}`)), h("p", { class: "gloss" }, t(`web.gloss.${section.key}`))),
        h("div", {}, plainAndFine(section.items)),
      ),
    ),
  );
}

/**
 * The lines for everybody, and those for experts folded below.
 * @param {Item[]} all
 * @returns {Node[]}
 */
function plainAndFine(all) {
  const [plain, fine] = [all.filter((it) => !it.fine), all.filter((it) => it.fine)];
  const lists = [];
  if (plain.length > 0) lists.push(lines(plain));
  if (fine.length > 0) lists.push(h("details", { class: "more" }, h("summary", {}, t("web.verify.experts")), lines(fine)));
  return lists;
}

/** @param {Item[]} all */
function lines(all) {
  return h("ul", { class: "items" }, all.map(line));
}

/**
 * @param {Item} it
 * @returns {HTMLElement}
 */
function line(it) {
  return h(
    "li",
    { class: it.fine ? "fine" : undefined },
    !(it.fine && it.tone === "plain") && sign(it.tone),
    h("div", {}, h("p", {}, it.text), fields(it), codes(it), it.inside.length > 0 && plainAndFine(it.inside)),
  );
}

/** @param {Item} it */
function fields(it) {
  if (it.fields.length === 0) return null;
  return h("dl", { class: "fields" }, it.fields.flatMap(({ name, value }) => [h("dt", {}, outside(name)), value === null ? h("dd", { class: "withheld" }, t("report.withheld")) : h("dd", {}, outside(value))]));
}

/** @param {Item} it */
function codes(it) {
  if (it.codes.length === 0) return null;
  const all = it.codes.map((each) =>
    h("li", { class: each.failed ? "failed" : undefined }, h("code", { translate: "no" }, outside(each.id)), outside(each.sentence), each.failed && ` (${t("report.page.failed")})`),
  );
  return h("details", { class: "more" }, h("summary", {}, t("web.verify.codes")), h("ul", { class: "codes" }, all));
}

/** @param {Report} report */
function details(report) {
  const { container, verdict, tool } = report;
  const name = (/** @type {string} */ key) => t(`report.page.${key}`);
  const facts = verdict.reasons.map((reason) => h("code", { translate: "no" }, outside(reason)));
  const file = pairs([
    [name("file"), outside(report.file)],
    [name("format"), container.format === null ? t("report.file.no-format") : outside(container.format)],
    [name("pixels"), container.width !== null && `${container.width} × ${container.height}`],
    [name("size"), t("report.size.bytes", { n: number(container.bytes) })],
    [name("trailing"), container.trailing_bytes > 0 && size(container.trailing_bytes)],
    [name("hash"), container.sha256 !== null && hash(container.sha256, name("hash"))],
    [name("rule"), h("code", { translate: "no" }, outside(verdict.rule))],
    [name("facts"), facts.length > 0 && h("span", { class: "row" }, facts)],
    [name("table"), hash(tool.policy, name("table"))],
    [name("program"), outside(`${tool.name} ${tool.version}`)],
    [name("validator"), outside(tool.validator)],
    [name("confinement"), tool.confinement.length === 0 ? t("report.unconfined") : tx("report.confined", { by: tool.confinement.join(", ") })],
    [name("elapsed"), t("report.page.milliseconds", { n: number(report.elapsed_ms) })],
  ]);
  const undated = name("list-undated");
  const date = (/** @type {string | null} */ it) => (it === null ? undated : time(it));
  const lists = table({
    caption: name("lists"),
    columns: [
      { title: name("list-name"), cell: (/** @type {typeof tool.trust_lists[number]} */ it) => outside(it.name) },
      { title: name("list-kind"), cell: (it) => or(`report.kind.${it.kind}`, it.kind) },
      { title: name("list-issued"), cell: (it) => date(it.issued) },
      { title: name("list-until"), cell: (it) => [date(it.next_update), it.stale && some(" ", badge("caution", name("list-stale")))] },
    ],
    rows: tool.trust_lists,
  }).element;
  const raw = h("div", { class: "stack" });
  const whole = fold(t("web.verify.technical"), h("div", { class: "stack" }, file, tool.trust_lists.length > 0 && lists, h("h3", {}, t("web.verify.raw")), raw));
  // A report can be long; it is written out when somebody looks.
  whole.addEventListener("toggle", () => raw.replaceChildren(code(JSON.stringify(report, null, 2), t("web.verify.raw"))), { once: true });
  return whole;
}
