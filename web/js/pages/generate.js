// Making pictures: what is asked for on the one side, what came of it on the other.

import { h, sheet } from "../dom.js";
import { t } from "../i18n.js";
import { key, onKey } from "../session.js";
import { head } from "../ui/basic.js";
import { askedFor } from "./generate/form.js";
import { gallery } from "./generate/gallery.js";
import { signIn } from "./generate/sign-in.js";
import { make } from "./generate/work.js";

/**
 * @param {import("../router.js").Context} context
 * @returns {Promise<import("../router.js").View>}
 */
export async function open({ signal }) {
  await sheet("pages");
  const pictures = gallery({ edit: (picture) => form.edit(picture) });
  const form = askedFor({
    signal,
    /** @param {import("./generate/work.js").Wish} wish @param {AbortSignal} stop */
    make: (wish, stop) => make(wish, pictures, AbortSignal.any([signal, stop])),
  });
  const left = h("div", { class: "stack" });
  const show = () => left.replaceChildren(key() === null ? signIn(signal) : "", form.element);
  show();
  const ended = onKey(() => {
    show();
    form.keyChanged();
  });
  return {
    title: t("web.make.title"),
    content: h("div", { class: "pages stack loose" }, head(t("web.make.title"), t("web.make.lead")), h("div", { class: "sides" }, left, pictures.element)),
    closed: ended,
  };
}
