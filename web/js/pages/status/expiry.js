// How long something still holds.

import { counted, t } from "../../i18n.js";

const DAY = 86_400;
/** Days before the end from which a person should look. */
const SOON = 30;

/**
 * A time as text.
 * @param {number} seconds since 1970
 */
export function isoTime(seconds) {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+/, "");
}

/**
 * Whole days until then, negative afterwards.
 * @param {number} until Unix seconds
 */
export function daysUntil(until) {
  return Math.floor((until - Date.now() / 1000) / DAY);
}

/**
 * @param {number} days until the end
 * @returns {{ tone: import("../../ui/basic.js").Tone, words: string }}
 */
export function left(days) {
  if (days < 0) return { tone: "alert", words: t("web.expiry.over") };
  return { tone: days < SOON ? "caution" : "good", words: counted("web.expiry.days", days) };
}
