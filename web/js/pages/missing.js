// An address without a page.

import { h, some } from "../dom.js";
import { t } from "../i18n.js";
import { head } from "../ui/basic.js";

export function open() {
  return { title: t("web.missing.title"), content: some(head(t("web.missing.title"), t("web.missing.lead")), h("p", {}, h("a", { class: "button", href: "/" }, t("web.missing.home")))) };
}
