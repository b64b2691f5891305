// What is asked for.

import { get } from "../../api.js";
import { h, put } from "../../dom.js";
import { t } from "../../i18n.js";
import { key } from "../../session.js";
import { clean } from "../../text.js";
import { button } from "../../ui/basic.js";
import { field, select } from "../../ui/form.js";
import { problem } from "../../ui/problem.js";
import { painter } from "./painter.js";

/** @typedef {import("./work.js").Wish} Wish */
/** @typedef {{ id: string, colophon?: { name?: string, sizes?: string[] } }} Model */

const SIZES = ["auto", "512x512", "768x512", "512x768", "1024x1024", "1536x1024", "1024x1536"];
/** As many as the API makes of one request. */
const MOST = 10;

/**
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {(wish: Wish, stop: AbortSignal) => Promise<void>} options.make
 */
export function askedFor({ signal, make }) {
  const prompt = h("textarea", { name: "prompt", required: true, maxlength: "32000", rows: "5", placeholder: t("web.make.prompt-example") });
  const model = select([["", t("web.make.model-own")]], { name: "model" });
  const size = select(SIZES.map((each) => [each, sizeName(each)]), { name: "size", value: "auto" });
  const count = h("input", { name: "count", type: "number", min: "1", max: String(MOST), value: "1", required: true, inputmode: "numeric" });
  const format = select([["png", "PNG"], ["jpeg", "JPEG"], ["webp", "WebP"]], { name: "format" });
  const seed = h("input", { name: "seed", type: "number", min: "0", max: "4294967295", step: "1", inputmode: "numeric" });
  /** @type {Model[]} */
  let known = [];
  model.addEventListener("change", sizes);
  const source = painter();
  const told = h("div", { class: "told" });
  const start = button(t("web.make.go"), { class: "first", type: "submit" });
  const stop = button(t("web.make.stop"), { hidden: true });
  const element = h(
    "form",
    { class: "card stack", "aria-label": t("web.make.form") },
    field(t("web.make.prompt"), prompt, { hint: t("web.make.prompt-hint") }).element,
    h("div", { class: "fields two" }, field(t("web.make.model"), model).element, field(t("web.make.size"), size).element, field(t("web.make.format"), format).element, field(t("web.make.count"), count).element, field(t("web.make.seed"), seed, { hint: t("web.make.seed-hint") }).element),
    source.element,
    h("div", { class: "row" }, start, stop),
    told,
  );
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    void go();
  });

  /** @returns {Promise<Wish>} */
  async function wish() {
    return {
      prompt: prompt.value,
      model: model.value,
      size: size.value,
      count: count.valueAsNumber,
      format: /** @type {Wish["format"]} */ (format.value),
      seed: Number.isNaN(seed.valueAsNumber) ? null : seed.valueAsNumber,
      from: await source.source(),
    };
  }

  async function go() {
    const halt = new AbortController();
    stop.onclick = () => halt.abort();
    busy(true);
    put(told);
    try {
      await make(await wish(), halt.signal);
    } catch (error) {
      if (halt.signal.aborted) put(told, h("p", { role: "status", class: "soft" }, t("web.make.stopped")));
      else if (!signal.aborted) put(told, problem(error, () => void go()));
    } finally {
      busy(false);
    }
  }

  /** @param {boolean} now */
  function busy(now) {
    start.disabled = now;
    start.textContent = t(now ? "web.make.going" : "web.make.go");
    stop.hidden = !now;
  }

  /** Offers the sizes that the chosen model was made for. */
  function sizes() {
    const own = known.find(({ id }) => id === model.value)?.colophon?.sizes ?? [];
    const chosen = size.value;
    const all = own.length > 0 ? ["auto", ...own] : SIZES;
    put(size, all.map((each) => h("option", { value: each, selected: each === chosen }, sizeName(each))));
  }

  async function models() {
    if (key() === null) return;
    try {
      /** @type {{ data: Model[] }} */
      const list = await get("/v1/models", { signal });
      known = list.data;
      const chosen = model.value;
      put(model, known.map(({ id, colophon }) => h("option", { value: id, selected: id === chosen }, clean(colophon?.name ?? id, 80))));
      sizes();
    } catch {
      // The installation's own model stays the choice; what is wrong is told when a picture is asked for.
    }
  }
  void models();
  return {
    element,
    keyChanged: () => void models(),
    /** @param {Blob} picture */
    edit: (picture) => {
      source.take(picture);
      prompt.focus();
    },
  };
}

/** @param {string} size */
function sizeName(size) {
  return size === "auto" ? t("web.make.size-auto") : clean(size.replace("x", " × "), 20);
}
