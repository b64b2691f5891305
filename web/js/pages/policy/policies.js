// Who may do what: each policy in words where it has some, and as it is written.

import { h } from "../../dom.js";
import { has, outside, t } from "../../i18n.js";
import { badge, code, fold } from "../../ui/basic.js";

/** @typedef {import("./shapes.js").Policy} Policy */
/** @typedef {import("./shapes.js").AccessRule} AccessRule */

/** @param {Policy} policy */
export function policies(policy) {
  const part = (/** @type {"permit" | "forbid"} */ effect) => {
    const rules = policy.policies.filter((rule) => rule.effect === effect);
    return h("section", { class: "stack", "aria-label": t(`web.policy.${effect}s`) }, h("h2", {}, t(`web.policy.${effect}s`)), h("p", { class: "soft" }, t(`web.policy.${effect}s-text`)), h("ul", { class: "stack" }, rules.map((rule) => h("li", {}, shown(rule, policy)))));
  };
  return h("div", { class: "stack loose" }, h("p", { class: "soft measure" }, t("web.policy.may-text")), part("permit"), part("forbid"));
}

/**
 * @param {AccessRule} rule
 * @param {Policy} policy
 */
function shown(rule, policy) {
  const text = written(rule, policy);
  const asked = Object.entries(rule.obligations);
  return h(
    "div",
    { class: "card stack tight", id: `policy-${rule.id}` },
    h("div", { class: "row" }, badge(rule.effect === "permit" ? "good" : "alert", t(`web.policy.${rule.effect}`)), h("h3", {}, outside(rule.id))),
    rule.reason !== null && h("p", {}, t("web.policy.reason"), ": ", outside(rule.reason)),
    rule.advice !== null && h("p", { class: "soft" }, t("web.policy.advice"), ": ", outside(rule.advice)),
    asked.length > 0 && h("ul", { class: "row" }, asked.map(([name, value]) => h("li", {}, badge("plain", has(`web.policy.obligation.${name}`) ? t(`web.policy.obligation.${name}`) : outside(name), ": ", outside(Array.isArray(value) ? value.join(", ") : value))))),
    fold([t("web.policy.written"), " ", h("code", { class: "soft" }, `${rule.place.file}:${rule.place.line}`)], text === null ? h("p", { class: "soft" }, t("web.policy.withheld")) : code(text, rule.id)),
  );
}

/**
 * The lines of a policy, with the comment and annotations before it.
 * @param {AccessRule} rule
 * @param {Policy} policy
 */
function written(rule, { files }) {
  const text = files.find((file) => file.path === rule.place.file)?.text ?? null;
  if (text === null) return null;
  const lines = text.split("\n");
  let first = rule.place.line - 1;
  while (first > 0 && /^\s*(@|\/\/[^-]*$)/.test(lines[first - 1])) first -= 1;
  return lines.slice(first, rule.place.last_line).join("\n");
}
