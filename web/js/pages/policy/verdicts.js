// What follows from evidence: the verdict table, and a place to try which rule decides.

import { h, put } from "../../dom.js";
import { counted, has, or, outside, t } from "../../i18n.js";
import { badge, button, card } from "../../ui/basic.js";
import { field, select } from "../../ui/form.js";

/** @typedef {import("./shapes.js").Policy} Policy */
/** @typedef {import("./shapes.js").VerdictRule} VerdictRule */
/** @typedef {import("../../ui/basic.js").Tone} Tone */

/** @type {Record<string, Tone>} */
const FINDINGS = { evidence: "good", flagged: "alert", nothing: "plain", unchecked: "caution" };

/**
 * @param {Policy} policy
 * @param {string | null} chosen rule that was asked for
 */
export function verdicts(policy, chosen) {
  const rows = policy.verdict_rules.map((rule, at) => ({ rule, element: shown(rule, at) }));
  const list = h("ol", { class: "rules" }, rows.map((row) => row.element));
  const told = h("p", { class: "soft small", role: "status" });
  const search = h("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  const sift = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { element } of rows) {
      const text = element.textContent?.toLowerCase() ?? "";
      element.hidden = !words.every((word) => text.includes(word));
      if (!element.hidden) count += 1;
    }
    told.textContent = counted("web.policy.rules", count);
  };
  search.addEventListener("input", sift);
  sift();
  const mark = (/** @type {string | null} */ id) => {
    for (const { rule, element } of rows) element.classList.toggle("chosen", rule.rule === id);
  };
  mark(chosen);
  if (chosen !== null) requestAnimationFrame(() => list.querySelector(".chosen")?.scrollIntoView({ block: "center" }));
  return h(
    "div",
    { class: "stack loose" },
    h("p", { class: "soft measure" }, t("web.policy.verdicts-text")),
    trial(policy, (id) => {
      search.value = "";
      sift();
      mark(id);
    }),
    h("div", { class: "stack" }, field(t("web.policy.search"), search).element, told, list),
  );
}

/**
 * @param {VerdictRule} rule
 * @param {number} at
 */
function shown(rule, at) {
  const conditions = Object.entries(rule.when);
  const headline = `verdict.${rule.rule}.headline`;
  return h(
    "li",
    { id: `rule-${rule.rule}`, class: "rule" },
    h("span", { class: "number soft", "aria-hidden": "true" }, at + 1),
    h(
      "div",
      { class: "stack tight" },
      h("p", { class: "row" }, h("code", {}, outside(rule.rule)), badge(FINDINGS[rule.finding] ?? "plain", or(`web.finding.${rule.finding}`, rule.finding)), badge("plain", or(`report.action.${rule.action}`, rule.action))),
      has(headline) && h("p", {}, template(headline)),
      h("p", { class: "small soft" }, conditions.length === 0 ? t("web.policy.always") : conditions.flatMap(condition)),
    ),
  );
}

/**
 * @param {[signal: string, values: string[]]} it
 * @param {number} at
 */
function condition([signal, values], at) {
  return [at > 0 && "; ", name(signal), ": ", ...values.flatMap((value, each) => [each > 0 && ` ${t("web.policy.or")} `, h("code", {}, outside(value))])];
}

/**
 * The sentence with its placeholders as what they stand for.
 * @param {string} key
 */
function template(key) {
  const placeholders = ["signer", "generator", "issued-at", "record", "source", "tool"];
  return t(key, Object.fromEntries(placeholders.map((each) => [each, `⟨${has(`web.placeholder.${each}`) ? t(`web.placeholder.${each}`) : each}⟩`])));
}

/** @param {string} signal */
function name(signal) {
  return has(`web.signal.${signal}`) ? t(`web.signal.${signal}`) : signal;
}

/**
 * Evidence to choose, and the rule that would decide.
 * @param {Policy} policy
 * @param {(rule: string | null) => void} mark
 */
function trial(policy, mark) {
  const answer = h("div", { role: "status", class: "stack tight" });
  const choices = policy.signals.map(({ name: signal, values }) => {
    const control = select(values.map((value) => [value, value]), { name: signal, on: { change: decide } });
    return { signal, control, element: field(name(signal), control).element };
  });
  function decide() {
    const facts = Object.fromEntries(choices.map(({ signal, control }) => [signal, control.value]));
    const rule = firstThatHolds(policy.verdict_rules, facts);
    const jump = () => {
      mark(rule?.rule ?? null);
      document.getElementById(`rule-${rule?.rule}`)?.scrollIntoView({ block: "center", behavior: "smooth" });
    };
    put(
      answer,
      rule
        ? [
            h("p", { class: "row" }, h("strong", {}, t("web.policy.decides")), h("code", {}, outside(rule.rule)), badge(FINDINGS[rule.finding] ?? "plain", or(`web.finding.${rule.finding}`, rule.finding)), badge("plain", or(`report.action.${rule.action}`, rule.action))),
            has(`verdict.${rule.rule}.headline`) && h("p", {}, template(`verdict.${rule.rule}.headline`)),
            h("div", {}, button(t("web.policy.jump"), { class: "small quiet", on: { click: jump } })),
          ]
        : h("p", {}, t("web.policy.nothing-decides")),
    );
  }
  decide();
  return card(t("web.policy.try"), h("p", { class: "soft" }, t("web.policy.try-text")), h("div", { class: "fields" }, choices.map((choice) => choice.element)), h("div", { class: "answer" }, answer));
}

/**
 * @param {VerdictRule[]} rules
 * @param {Record<string, string>} facts a value for each signal
 */
export function firstThatHolds(rules, facts) {
  return rules.find((rule) => Object.entries(rule.when).every(([signal, values]) => values.includes(facts[signal])));
}
