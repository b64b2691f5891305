// Checking pictures: drop, paste, choose, or name an address.

import { h, icon, id, put, sheet, some } from "../dom.js";
import { counted, number, outside, t, tx } from "../i18n.js";
import { keep } from "../api.js";
import { button, fold, sign } from "../ui/basic.js";
import { dropZone } from "../ui/drop.js";
import { field } from "../ui/form.js";
import { fill, problem } from "../ui/problem.js";
import { say } from "../ui/toast.js";
import { reportView, toneOf } from "../report/view.js";
import { actions } from "../verify/actions.js";
import { Check, Queue, detection } from "../verify/queue.js";

/** Most pictures at a time; more are work for a job. */
const MOST = 200;

/** @param {import("../router.js").Context} context */
export async function open({ signal }) {
  await Promise.all([sheet("report"), sheet("verify")]);
  return new VerifyPage(signal).view();
}

class VerifyPage {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.queue = new Queue((check) => this.changed(check));
    /** @type {Check | null} */
    this.chosen = null;
    /** Rows of the list by picture. @type {Map<Check, HTMLElement>} */
    this.rows = new Map();
    this.list = h("ol");
    this.summary = h("div", { class: "row" });
    this.side = h("section", { class: "queue", "aria-label": t("web.verify.queue"), hidden: true }, this.summary, this.list);
    this.place = h("div", { class: "result" });
    this.bench = h("div", { class: "bench", hidden: true }, this.side, this.place);
    this.head = h("div", { class: "page-head" }, h("h1", {}, t("web.verify.title")), h("p", {}, t("web.verify.lead")));
    this.lookedFor = lookedFor(signal);
    this.drop = dropZone({ taken: (files) => this.taken(files), name: t("web.verify.choose"), signal, content: (open) => this.welcome(open) });
    this.spoken = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  }

  view() {
    return {
      title: t("web.verify.page"),
      content: some(this.head, this.drop, this.spoken, this.bench, this.lookedFor),
      closed: () => this.queue.clear(),
    };
  }

  /** @param {() => void} open */
  welcome(open) {
    const address = h("input", { type: "url", inputmode: "url", placeholder: "https://", autocomplete: "off", spellcheck: "false", maxlength: "4096" });
    const row = field(t("web.verify.address"), address);
    const form = h("form", { class: "by-address", novalidate: true }, row.element, button(t("web.verify.by-address"), { type: "submit" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const url = address.value.trim();
      const good = /^https?:\/\/[^/]/i.test(url);
      row.fail(good ? null : t("web.verify.no-address"));
      if (!good) return address.focus();
      address.value = "";
      this.add([new Check(url)]);
    });
    return h(
      "div",
      { class: "welcome" },
      icon("picture"),
      h("p", { class: "lead" }, t("web.verify.drop")),
      button(t("web.verify.choose"), { class: "first", drawing: "upload", on: { click: open } }),
      h("p", { class: "or" }, t("web.verify.or")),
      form,
      h("p", { class: "private" }, t("web.verify.private")),
    );
  }

  /** @param {File[]} files */
  taken(files) {
    const room = Math.max(MOST - this.queue.all.length, 0);
    if (files.length > room) say(t("web.verify.too-many", { n: number(MOST) }));
    this.add(files.slice(0, room).map((file) => new Check(file)));
  }

  /** @param {Check[]} checks */
  add(checks) {
    if (checks.length === 0) return;
    const first = this.queue.all.length === 0;
    this.drop.classList.add("compact");
    this.head.classList.add("compact");
    this.lookedFor.hidden = true;
    this.bench.hidden = false;
    this.queue.add(checks);
    const many = this.queue.all.length > 1;
    this.bench.classList.toggle("many", many);
    this.side.hidden = !many;
    if (first || checks.length === 1) this.choose(checks[0]);
    this.place.scrollIntoView({ block: "nearest" });
  }

  /** @param {Check} check */
  changed(check) {
    const row = this.rows.get(check) ?? this.list.appendChild(h("li"));
    this.rows.set(check, row);
    this.draw(row, check);
    this.count();
    if (check === this.chosen) this.show(check);
    if (check.state === "done" || check.state === "failed") this.tell(check);
  }

  /**
   * Says what came of a picture to those who do not see it.
   * @param {Check} check
   */
  tell(check) {
    const what = check.report && check.error === null ? t(`report.outcome.${check.report.outcome}`) : t("web.state.failed");
    this.spoken.textContent = t("web.verify.told", { file: check.name, what });
  }

  /**
   * @param {HTMLElement} row
   * @param {Check} check
   */
  draw(row, check) {
    const focused = row.contains(document.activeElement);
    const picture = check.picture === null ? h("span", { class: "thumb" }, icon("picture")) : h("img", { class: "thumb", src: check.picture, alt: "", loading: "lazy", decoding: "async", width: "48", height: "48" });
    const current = check === this.chosen ? "true" : undefined;
    const words = h("span", {}, h("span", { class: "name" }, outside(check.name || t("web.verify.pasted"))), state(check));
    const pick = h("button", { type: "button", class: "pick", "aria-current": current, on: { click: () => this.choose(check, true) } }, picture, words);
    const stop = (check.state === "waiting" || check.state === "running") && h("button", { type: "button", class: "icon-button", "aria-label": t("web.verify.cancel", { file: check.name }), title: t("web.cancel"), on: { click: () => this.queue.cancel(check) } }, icon("close"));
    put(row, pick, stop);
    if (focused) pick.focus();
  }

  count() {
    const all = this.queue.all;
    const done = all.filter((check) => check.state === "done");
    const open = all.some((check) => check.state === "waiting" || check.state === "running");
    const words = open ? t("web.verify.progress", { done: number(done.length), all: number(all.length) }) : counted("web.verify.checked", done.length);
    const ended = () => keep(new Blob(done.map((check) => `${JSON.stringify(check.report)}\n`), { type: "application/jsonl" }), "reports.jsonl");
    put(
      this.summary,
      h("strong", {}, words),
      open && button(t("web.verify.cancel-all"), { class: "small", on: { click: () => all.forEach((check) => this.queue.cancel(check)) } }),
      !open && done.length > 0 && button(t("web.verify.all-reports"), { class: "small", drawing: "download", on: { click: ended } }),
    );
  }

  /**
   * @param {Check} check
   * @param {boolean} [move] whether a person asked to see it
   */
  choose(check, move = false) {
    const before = this.chosen;
    this.chosen = check;
    for (const each of [before, check]) {
      const row = each && this.rows.get(each);
      if (row) this.draw(row, each);
    }
    this.show(check);
    if (move && window.matchMedia("(max-width: 60rem)").matches) this.place.scrollIntoView();
  }

  /** @param {Check} check */
  show(check) {
    if (check.state === "done" && check.report !== null) {
      const heading = id("answer");
      put(this.place, reportView(check.report, check, { heading, actions: actions(check, check.report) }));
      return;
    }
    const again = () => this.queue.again(check);
    if (check.state === "failed") put(this.place, h("div", { class: "stack" }, h("h2", {}, outside(check.name)), problem(check.error, again)));
    else if (check.state === "cancelled") put(this.place, h("div", { class: "pending" }, h("p", {}, t("web.state.cancelled")), button(t("web.again"), { on: { click: again } })));
    else put(this.place, h("div", { class: "pending" }, h("span", { class: "spinner", "aria-hidden": "true" }), h("p", {}, tx(`web.verify.${check.state}`, { file: check.name || t("web.verify.pasted") })), this.side.hidden && button(t("web.cancel"), { on: { click: () => this.queue.cancel(check) } })));
  }
}

/** @param {Check} check */
function state(check) {
  if (check.state === "done" && check.report !== null) {
    const tone = toneOf(check.report);
    return h("span", { class: "state", data: { tone } }, sign(tone), t(`report.outcome.${check.report.outcome}`));
  }
  const tone = check.state === "failed" ? "alert" : "plain";
  return h("span", { class: "state", data: { tone } }, check.state === "running" && h("span", { class: "spinner", "aria-hidden": "true" }), t(`web.state.${check.state}`));
}

/**
 * What is looked for, for those who come without a picture, and how often it errs.
 * @param {AbortSignal} signal
 */
function lookedFor(signal) {
  const parts = ["manifest", "watermark", "ledger", "traces"].map((each) => h("section", {}, h("h2", {}, t(`web.looked-for.${each}`)), h("p", {}, t(`web.gloss.${each}`))));
  const rates = h("div", {}, h("p", {}, t("web.loading")));
  const errs = fold(t("web.errs.title"), rates);
  const load = () => Promise.all([detection(signal), import("../ui/rates.js")]);
  errs.addEventListener("toggle", () => void fill(rates, load, ([it, { errorRates }]) => errorRates(it.error_rates)), { once: true });
  return h("div", { class: "stack loose" }, h("div", { class: "looked-for" }, parts), h("p", { class: "measure" }, t("web.verify.absence")), errs);
}
