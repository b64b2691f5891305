// What can be done with a report: keep it, go to its record, say how good it was.

import { h, some } from "../dom.js";
import { ask, download, keep } from "../api.js";
import { outside, t } from "../i18n.js";
import { recordApi, recordFile, recordPage } from "../records.js";
import { button, card, fold } from "../ui/basic.js";
import { checkbox, field, select } from "../ui/form.js";
import { problem, sentence } from "../ui/problem.js";
import { say } from "../ui/toast.js";
import { asPage } from "./queue.js";

/** @typedef {import("./queue.js").Check} Check */
/** @typedef {import("../report/items.js").Report} Report */

/** Longest message that is taken, characters. */
const MOST_TEXT = 4000;

/**
 * @param {Check} check whose report is there
 * @param {Report} report
 */
export function actions(check, report) {
  const place = h("div", { "aria-live": "polite" });
  const base = fileName(report.file);
  /** @param {() => Promise<unknown>} work */
  const doing = (work) => async (/** @type {MouseEvent} */ event) => {
    const pressed = /** @type {HTMLButtonElement} */ (event.currentTarget);
    pressed.disabled = true;
    place.replaceChildren();
    try {
      await work();
    } catch (error) {
      place.replaceChildren(problem(error));
    } finally {
      pressed.disabled = false;
    }
  };
  const save = (/** @type {string} */ text, /** @type {() => Promise<unknown>} */ work) => button(text, { drawing: "download", on: { click: doing(work) } });
  const record = report.evidence.ledger;
  const id = record === null ? null : `${record.shard}-${record.record}`;
  // The manifest is given to whoever has the picture, and so can name the mark in it.
  const mark = report.evidence.watermark?.payload ?? id;
  const buttons = [
    record !== null && h("a", { class: "button first", href: recordPage(record.shard, record.record) }, t("web.keep.record")),
    save(t("web.keep.page"), async () => keep(await asPage(check), `${base}.report.html`)),
    save(t("web.keep.json"), async () => keep(new Blob([JSON.stringify(report, null, 2)], { type: "application/json" }), `${base}.report.json`)),
    id !== null && record?.inclusion.proven && save(t("web.keep.proof"), () => download(recordApi(id, "proof"), recordFile(id, "tlog-proof"))),
    id !== null && mark !== null && report.evidence.recovered_manifest !== null && save(t("web.keep.manifest"), () => download(recordApi(mark, "manifest"), recordFile(id, "c2pa"))),
  ];
  return h("div", { class: "stack" }, card(t("web.keep.title"), h("div", { class: "keep" }, buttons), place), feedback(report));
}

/**
 * The file's name without what systems take for something else.
 * @param {string} file
 */
function fileName(file) {
  const last = file.split(/[\\/]/).pop() ?? "";
  return last.replace(/[^\p{L}\p{N}._ -]/gu, "_").slice(0, 80) || "picture";
}

/** @param {Report} report */
function feedback(report) {
  const kind = select(["wrong-finding", "missed", "unclear", "other"].map((each) => [each, t(`web.feedback.${each}`)]), { name: "kind" });
  const text = h("textarea", { name: "text", required: true, maxlength: String(MOST_TEXT) });
  const about = checkbox(t("web.feedback.about"), { checked: true });
  const contact = h("input", { type: "text", name: "contact", autocomplete: "email", maxlength: "200" });
  const [kindRow, textRow, contactRow] = [field(t("web.feedback.kind"), kind), field(t("web.feedback.text"), text), field(t("web.feedback.contact"), contact, { hint: t("web.feedback.contact-hint") })];
  const send = button(t("web.feedback.send"), { class: "first", type: "submit" });
  const failed = h("div");
  const form = h("form", { class: "stack measure", novalidate: true }, h("p", { class: "soft" }, t("web.feedback.why")), kindRow.element, textRow.element, contactRow.element, about.element, failed, h("div", {}, send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    textRow.fail(text.value.trim() === "" ? t("web.feedback.empty") : null);
    if (text.value.trim() === "") {
      text.focus();
      return;
    }
    send.disabled = true;
    failed.replaceChildren();
    try {
      const more = about.box.checked ? { rule: report.verdict.rule, sha256: report.container.sha256 } : {};
      const reach = contact.value.trim() === "" ? {} : { contact: contact.value.trim(), contact_consent: true };
      const answer = await ask("/v1/feedback", { method: "POST", json: { kind: kind.value, text: text.value.trim(), ...more, ...reach } });
      const { id } = await answer.json();
      form.replaceChildren(h("p", { role: "status", tabindex: "-1" }, some(t("web.feedback.thanks"), " ", h("code", {}, outside(id)))));
      say(t("web.feedback.thanks"));
    } catch (error) {
      failed.replaceChildren(problem(error));
      say(sentence(error));
      send.disabled = false;
    }
  });
  return fold(t("web.feedback.title"), form);
}
