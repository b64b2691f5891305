// The rules in force: who may do what, and what follows from evidence. Read-only.

import { get } from "../api.js";
import { h, sheet } from "../dom.js";
import { outside, speakAlso, t } from "../i18n.js";
import { badge, card, code, fold, hash, head, pairs, waiting } from "../ui/basic.js";
import { tabs } from "../ui/form.js";
import { table } from "../ui/lists.js";
import { fill } from "../ui/problem.js";
import { policies } from "./policy/policies.js";
import { verdicts } from "./policy/verdicts.js";

/** @typedef {import("./policy/shapes.js").Policy} Policy */

/**
 * @param {import("../router.js").Context} context
 * @returns {Promise<import("../router.js").View>}
 */
export async function open({ signal }) {
  await sheet("pages");
  const place = h("div", { class: "await" }, waiting(t("web.loading")));
  void fill(place, () => load(signal), shown);
  return { title: t("web.policy.title"), content: h("div", { class: "pages stack loose" }, head(t("web.policy.title"), t("web.policy.lead")), place) };
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<Policy>}
 */
async function load(signal) {
  const [policy] = await Promise.all([get("/v1/policy", { signal }), speakAlso("verdicts")]);
  return policy;
}

/** @param {Policy} policy */
function shown(policy) {
  const rule = /^#rule-(.+)$/.exec(location.hash)?.[1];
  const views = [
    { title: t("web.policy.tab.may"), content: policies(policy) },
    { title: t("web.policy.tab.verdicts"), content: verdicts(policy, rule === undefined ? null : decodeURIComponent(rule)) },
    { title: t("web.policy.tab.words"), content: words(policy) },
    { title: t("web.policy.tab.files"), content: files(policy) },
  ];
  return h("div", { class: "stack loose" }, bundle(policy), tabs(t("web.policy.tabs"), views, { chosen: rule === undefined ? 0 : 1 }));
}

/** @param {Policy} policy */
function bundle(policy) {
  return card(
    t("web.policy.bundle"),
    h("p", { class: "soft measure" }, t("web.policy.bundle-text")),
    pairs([
      [t("web.policy.hash"), hash(policy.hash, t("web.policy.hash"))],
      [t("web.policy.origin"), badge(policy.origin === "published" ? "good" : "plain", t(`web.policy.origin-${policy.origin}`))],
      [t("web.policy.signers"), policy.signers.length > 0 && policy.signers.map((signer) => h("p", {}, outside(signer)))],
    ]),
    policy.note !== null && fold(t("web.policy.note"), code(policy.note, t("web.policy.note"))),
  );
}

/** @param {Policy} policy */
function words({ vocabulary }) {
  /** @param {string} title @param {Record<string, string>} all */
  const list = (title, all) =>
    table({
      caption: title,
      columns: [
        { title: t("web.policy.word"), cell: ([word]) => h("code", {}, outside(word)) },
        { title: t("web.policy.meaning"), cell: ([, meaning]) => outside(meaning) },
      ],
      rows: Object.entries(all),
    }).element;
  return h("div", { class: "stack loose" }, h("p", { class: "soft measure" }, t("web.policy.words-text")), list(t("web.policy.labels"), vocabulary.labels), list(t("web.policy.purposes"), vocabulary.purposes));
}

/** @param {Policy} policy */
function files({ files: all }) {
  return h("div", { class: "stack" }, h("p", { class: "soft measure" }, t("web.policy.files-text")), all.map((file) => fold(h("code", {}, outside(file.path)), file.text === null ? h("p", { class: "soft" }, t("web.policy.withheld")) : code(file.text, file.path))));
}
