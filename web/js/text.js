// Words that come from strangers, made safe to stand in a line, and numbers and times as people read them.

/** Most characters of one value from outside. */
const MOST = 2000;
/**
 * Control characters, and those that turn or hide what stands around them: a name must not be able to reorder a
 * sentence of ours. The same set as the reports' own.
 */
const UNSEEN = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;

/**
 * A value from outside as it may stand in a line.
 * @param {unknown} value
 * @param {number} [most] characters
 */
export function clean(value, most = MOST) {
  const text = typeof value === "string" ? value : value === null || value === undefined ? "" : String(value);
  const seen = text.slice(0, most * 4).replace(UNSEEN, "");
  const letters = [...seen];
  return letters.length > most ? `${letters.slice(0, most).join("")}…` : seen;
}

/**
 * Text of several lines, what would not be seen in it written out (`\\u202e`).
 * @param {string} value
 */
export function escaped(value) {
  return value.replace(UNSEEN, (char) => (char === "\n" || char === "\t" ? char : `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`));
}

/** RFC 3339, or a part of it. */
const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * A stated time in the reader's words, in the time zone in which it was stated; null if it cannot be read.
 * @param {string} stated
 * @param {string} language
 * @returns {string | null}
 */
export function time(stated, language) {
  const parts = TIME.exec(stated.trim());
  if (!parts) return null;
  const [, year, month, day, hours, minutes, seconds, zone] = parts;
  // The digits are shown as they were stated, so they are read as if they were UTC.
  const at = new Date(Date.UTC(+year, +month - 1, +day, +(hours ?? 0), +(minutes ?? 0), +(seconds ?? 0)));
  if (Number.isNaN(at.getTime()) || at.getUTCMonth() !== +month - 1 || at.getUTCDate() !== +day) return null;
  const date = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { dateStyle: "medium", timeZone: "UTC" }).format(at);
  if (hours === undefined) return date;
  const clock = [hours, minutes, seconds].filter((part) => part !== undefined).join(":");
  return `${date}, ${clock}${zone === undefined ? "" : zone === "Z" ? " UTC" : ` ${zone}`}`;
}

/**
 * The day that a time begins with, as a number of days since 1970, or null.
 * @param {string} stated
 */
export function day(stated) {
  const parts = TIME.exec(stated.trim());
  if (!parts) return null;
  const at = Date.UTC(+parts[1], +parts[2] - 1, +parts[3]);
  return Number.isNaN(at) ? null : Math.floor(at / 86_400_000);
}

/**
 * Bytes as lower-case hexadecimal.
 * @param {Uint8Array} bytes
 */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
