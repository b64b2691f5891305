// A way in: a key, or the operator's own accounts.

import { get } from "../../api.js";
import { h } from "../../dom.js";
import { t } from "../../i18n.js";
import { button, card } from "../../ui/basic.js";
import { askForKey } from "../../ui/key.js";

/**
 * @param {AbortSignal} signal
 */
export function signIn(signal) {
  const accounts = h("span");
  void offered(signal).then((login) => {
    if (login) accounts.append(h("a", { class: "button", href: `/auth/login?return=${encodeURIComponent(location.pathname)}` }, t("web.make.accounts")));
  });
  return card(
    t("web.make.key-title"),
    h("p", {}, t("web.make.key-text")),
    h("div", { class: "row" }, button(t("web.key.give"), { class: "first", drawing: "key", on: { click: () => void askForKey() } }), accounts),
  );
}

/**
 * Whether the operator has accounts to sign in with.
 * @param {AbortSignal} signal
 */
async function offered(signal) {
  try {
    return (await get("/v1/whoami", { signal })).login === true;
  } catch {
    return false;
  }
}
