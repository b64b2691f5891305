// What a kind of problem means, for people who followed its address.

import { h, some } from "../dom.js";
import { get } from "../api.js";
import { has, outside, t } from "../i18n.js";
import { head } from "../ui/basic.js";
import { fill } from "../ui/problem.js";

/** @param {import("../router.js").Context} context */
export function open({ params, signal }) {
  const title = t("web.problem-page.title", { code: params.code });
  const place = h("div", { class: "measure" });
  void fill(place, () => get(`/problems/${encodeURIComponent(params.code)}`, { signal }), (kind) => {
    const key = `web.problem.${kind.code}`;
    return h("div", { class: "card stack" }, h("p", {}, has(key) ? t(key) : outside(kind.title)), h("p", { class: "soft" }, t("web.problem-page.status", { status: kind.status })));
  });
  return { title, content: some(head(title, t("web.problem-page.lead")), place) };
}
