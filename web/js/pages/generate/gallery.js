// The pictures of this visit. They are kept by nobody but this tab; what lasts is their records, and what is downloaded.

import { keep } from "../../api.js";
import { h, put } from "../../dom.js";
import { outside, t } from "../../i18n.js";
import { button } from "../../ui/basic.js";
import { progress } from "../../ui/form.js";

/**
 * @typedef {object} Place
 * @property {(done: number, of: number) => void} progress
 * @property {(picture: Blob) => void} partial
 * @property {(made: import("./work.js").Made) => void} done
 * @property {() => void} ended nothing more comes; what is not finished goes
 */
/**
 * @typedef {object} Gallery
 * @property {HTMLElement} element
 * @property {(wish: import("./work.js").Wish) => Place} begin
 */

/**
 * Pictures of this visit, the newest first; they stay while other pages are shown.
 * @type {{ wish: import("./work.js").Wish, made: import("./work.js").Made, address: string }[]}
 */
const kept = [];

/**
 * @param {{ edit: (picture: Blob) => void }} options
 * @returns {Gallery}
 */
export function gallery({ edit }) {
  const list = h("ul", { class: "gallery" });
  const empty = h("div", { class: "empty" }, t("web.gallery.empty"));
  const told = h("p", { class: "unseen", role: "status" });
  const element = h("section", { class: "stack", "aria-label": t("web.gallery.name") }, h("h2", {}, t("web.gallery.name")), empty, list, told);
  const count = () => {
    empty.hidden = list.children.length > 0;
  };
  for (const it of kept) list.append(h("li", {}, finished(it, edit)));
  count();
  return {
    element,
    begin: (wish) => {
      const shown = h("div", { class: "picture" });
      const bar = progress(t("web.gallery.begun"));
      const item = h("li", {}, shown, bar.element);
      /** @type {string | null} */
      let address = null;
      let closed = false;
      list.prepend(item);
      count();
      return {
        progress: (done, of) => bar.set(done / of, t("web.gallery.under-way")),
        partial: (picture) => {
          if (address !== null) URL.revokeObjectURL(address);
          address = URL.createObjectURL(picture);
          put(shown, h("img", { class: "partial", src: address, alt: t("web.gallery.partial") }));
        },
        done: (made) => {
          if (address !== null) URL.revokeObjectURL(address);
          const it = { wish, made, address: URL.createObjectURL(made.picture) };
          closed = true;
          kept.unshift(it);
          put(item, finished(it, edit));
          put(told, t("web.gallery.done"));
        },
        ended: () => {
          if (closed) return;
          if (address !== null) URL.revokeObjectURL(address);
          item.remove();
          count();
        },
      };
    },
  };
}

/**
 * @param {typeof kept[number]} it
 * @param {(picture: Blob) => void} edit
 */
function finished({ wish, made, address }, edit) {
  const name = `${made.record ?? "picture"}.${wish.format === "jpeg" ? "jpg" : wish.format}`;
  return [
    h("a", { class: "picture", href: address, target: "_blank", rel: "noopener" }, h("img", { src: address, alt: t("web.gallery.alt", { prompt: wish.prompt }) })),
    h("p", { class: "clip small" }, outside(wish.prompt)),
    h(
      "div",
      { class: "row" },
      made.record !== null && h("a", { class: "button small", href: `/records/${encodeURIComponent(made.record)}` }, t("web.gallery.record")),
      button(t("web.gallery.keep"), { class: "small", drawing: "download", on: { click: () => keep(made.picture, name) } }),
      button(t("web.gallery.edit"), { class: "small quiet", on: { click: () => edit(made.picture) } }),
    ),
  ];
}
