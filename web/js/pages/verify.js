// Checking pictures: drop, paste, choose, or name an address.

import { h, icon, id, put, sheet } from "../dom.js";
import { counted, number, outside, t, tx } from "../i18n.js";
import { keep } from "../api.js";
import { begun, the } from "../shell.js";
import { button, sign } from "../ui/basic.js";
import { takes } from "../ui/drop.js";
import { fail } from "../ui/form.js";
import { fill, problem } from "../ui/problem.js";
import { say } from "../ui/toast.js";
import { reportView, toneOf } from "../report/view.js";
import { actions } from "../verify/actions.js";
import { Check, Queue, detection } from "../verify/queue.js";

/** Most pictures at a time; more are work for a job. */
const MOST = 200;

/** @param {import("../router.js").Context} context */
export function open({ signal }) {
  // It is there long before a report is.
  void sheet("report");
  return new VerifyPage(begun("verify"), signal).view();
}

class VerifyPage {
  /**
   * @param {HTMLElement | DocumentFragment} root what stands there before any picture came (index.html)
   * @param {AbortSignal} signal
   */
  constructor(root, signal) {
    this.root = root;
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
    this.head = the(root, "div", ".page-head");
    this.drop = the(root, "div", ".drop");
    this.spoken = the(root, "p", "[role=status]");
    this.about = the(root, "div", ".about");
    this.about.before(this.bench);
    this.welcome(signal);
    tellsRates(the(this.about, "details"), signal);
  }

  view() {
    return {
      title: t("web.verify.page"),
      content: this.root,
      closed: () => this.queue.clear(),
    };
  }

  /** @param {AbortSignal} signal */
  welcome(signal) {
    const picker = the(this.drop, "input", "[type=file]");
    takes(this.drop, picker, { taken: (files) => this.taken(files), signal });
    the(this.drop, "button", ".choose").addEventListener("click", () => picker.click());
    const [address, error] = [the(this.drop, "input", "[type=url]"), the(this.drop, "span", ".error")];
    the(this.drop, "form").addEventListener("submit", (event) => {
      event.preventDefault();
      const url = address.value.trim();
      const good = /^https?:\/\/[^/]/i.test(url);
      fail(address, error, good ? null : t("web.verify.no-address"));
      if (!good) return address.focus();
      address.value = "";
      this.add([new Check(url)]);
    });
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
    this.about.hidden = true;
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
 * Tells how often the checks err, once somebody wants to know.
 * @param {HTMLDetailsElement} errs
 * @param {AbortSignal} signal
 */
function tellsRates(errs, signal) {
  const load = () => Promise.all([detection(signal), import("../ui/rates.js")]);
  const show = () => void fill(the(errs, "div", ".inside"), load, ([it, { errorRates }]) => errorRates(it.error_rates));
  // It may have been opened before this script was there.
  if (errs.open) show();
  else errs.addEventListener("toggle", show, { once: true });
}
