// Asking for an API key.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { key, setKey } from "../session.js";
import { button } from "./basic.js";
import { dialog, field } from "./form.js";

/** Asks for a key; says whether one is held afterwards. */
export async function askForKey() {
  const input = h("input", { type: "password", autocomplete: "off", spellcheck: "false", required: true, maxlength: "512" });
  const row = field(t("web.key.name"), input, { hint: t("web.key.hint") });
  const agreed = dialog(t("web.key.title"), [h("p", {}, t("web.key.why")), row.element], {
    agree: t("web.key.use"),
    more: key() !== null && button(t("web.key.forget"), { class: "quiet", on: { click: forget } }),
    onAgree: () => {
      setKey(input.value);
      row.fail(key() === null ? t("web.key.unreadable") : null);
      return key() !== null;
    },
  });
  /** @param {MouseEvent} event */
  function forget(event) {
    setKey(null);
    if (event.target instanceof Element) event.target.closest("dialog")?.close();
  }
  await agreed;
  return key() !== null;
}
