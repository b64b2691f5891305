// What may be known of the keys: what each is for, how to check with it, until when, and what became of it.

import { get } from "../api.js";
import { h, sheet } from "../dom.js";
import { has, number, or, outside, t, time } from "../i18n.js";
import { badge, code, fold, hash, head, pairs, waiting } from "../ui/basic.js";
import { timeline } from "../ui/lists.js";
import { fill } from "../ui/problem.js";
import { daysUntil, isoTime, left } from "./status/expiry.js";

/**
 * What is public of a key, as `colophon keys list --json` has it; times are Unix seconds.
 * @typedef {object} Key
 * @property {string} role
 * @property {string} id
 * @property {string | null} algorithm
 * @property {"active" | "retired" | "revoked" | string} state
 * @property {number | null} created_at
 * @property {number | null} activated_at
 * @property {number | null} retired_at
 * @property {{ reason: string, from: number, at?: number } | null} revoked
 * @property {string | null} verifier_key
 * @property {string | null} certificate PEM
 * @property {string | null} certificate_sha256
 * @property {number | null} not_after
 * @property {string | null} public_key PEM
 */

/** @type {Record<string, import("../ui/basic.js").Tone>} */
const STATES = { active: "good", retired: "plain", revoked: "alert" };

/**
 * @param {import("../router.js").Context} context
 * @returns {Promise<import("../router.js").View>}
 */
export async function open({ signal }) {
  await sheet("pages");
  const place = h("div", { class: "await" }, waiting(t("web.loading")));
  void fill(place, () => get("/v1/keys", { signal }), ({ keys }) => shown(keys));
  return { title: t("web.keys.title"), content: h("div", { class: "pages stack loose" }, head(t("web.keys.title"), t("web.keys.lead")), place) };
}

/** @param {Key[]} keys */
function shown(keys) {
  if (keys.length === 0) return h("p", { class: "empty" }, t("web.keys.none"));
  const roles = [...new Set(keys.map((key) => key.role))];
  return h("div", { class: "stack loose" }, roles.map((role) => part(role, keys.filter((key) => key.role === role))), lives(keys));
}

/**
 * The keys of one role: those in use, and folded those of the past.
 * @param {string} role
 * @param {Key[]} keys
 */
function part(role, keys) {
  const present = keys.filter((key) => key.state === "active");
  const past = keys.filter((key) => key.state !== "active");
  return h(
    "section",
    { class: "card stack", id: `role-${role}` },
    h("div", {}, h("h2", {}, or(`web.role.${role}`, role)), has(`web.keys.for.${role}`) && h("p", { class: "soft" }, t(`web.keys.for.${role}`))),
    present.length === 0 && h("p", { class: "soft" }, t("web.keys.no-active")),
    present.map(facts),
    past.length > 0 && fold(t("web.keys.past", { n: number(past.length) }), h("div", { class: "stack loose" }, past.map(facts))),
  );
}

/** @param {Key} key */
function facts(key) {
  const expiry = key.not_after === null ? null : left(daysUntil(key.not_after));
  return h(
    "div",
    { class: "stack" },
    pairs([
      [t("web.keys.state"), badge(STATES[key.state] ?? "plain", or(`web.keys.state-${key.state}`, key.state))],
      [t("web.keys.id"), hash(key.id, t("web.keys.id"))],
      [t("web.keys.algorithm"), key.algorithm !== null && outside(key.algorithm)],
      [t("web.keys.verifier-key"), key.verifier_key !== null && hash(key.verifier_key, t("web.keys.verifier-key"))],
      [t("web.keys.expires"), key.not_after !== null && expiry !== null && [time(isoTime(key.not_after)), " ", badge(expiry.tone, expiry.words)]],
      [t("web.keys.certificate-hash"), key.certificate_sha256 !== null && hash(key.certificate_sha256, t("web.keys.certificate-hash"))],
      [t("web.keys.revoked"), key.revoked !== null && [outside(key.revoked.reason), ", ", t("web.keys.from"), " ", time(isoTime(key.revoked.from))]],
    ]),
    key.certificate !== null && fold(t("web.keys.certificate"), code(key.certificate, `${t("web.keys.certificate")} ${key.id.slice(0, 16)}`)),
    key.public_key !== null && fold(t("web.keys.public-key"), code(key.public_key, `${t("web.keys.public-key")} ${key.id.slice(0, 16)}`)),
  );
}

/** @param {Key[]} keys */
function lives(keys) {
  /** @type {{ at: number, what: string, key: Key }[]} */
  const moments = keys.flatMap((key) => [
    ...(key.activated_at === null ? [] : [{ at: key.activated_at, what: "activated", key }]),
    ...(key.retired_at === null ? [] : [{ at: key.retired_at, what: "retired", key }]),
    ...(key.revoked === null ? [] : [{ at: key.revoked.at ?? key.revoked.from, what: "revoked", key }]),
  ]);
  moments.sort((one, other) => other.at - one.at);
  const line = timeline(
    moments.map(({ at, what, key }) => ({
      when: time(isoTime(at)),
      what: [or(`web.role.${key.role}`, key.role), ": ", t(`web.keys.moment-${what}`)],
      more: h("code", { title: key.id }, `${key.id.slice(0, 16)}…`),
      tone: what === "revoked" ? "alert" : what === "retired" ? "caution" : "good",
      firm: what !== "activated",
    })),
  );
  return h("section", { class: "card stack", "aria-label": t("web.keys.lives") }, h("h2", {}, t("web.keys.lives")), h("p", { class: "soft" }, t("web.keys.lives-text")), line);
}
