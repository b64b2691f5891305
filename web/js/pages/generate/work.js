// Asking for pictures: one request, whose answer tells of each picture on its way.

import { ask, Problem } from "../../api.js";
import { serverEvents } from "../../sse.js";

/** Pictures on the way that are asked for before each finished one. */
const PARTIAL = 3;

/**
 * What is wanted.
 * @typedef {object} Wish
 * @property {string} prompt
 * @property {string} model
 * @property {string} size such as `512x512`, or `auto`
 * @property {number} count
 * @property {"png" | "jpeg" | "webp"} format
 * @property {number | null} seed of the first; each further one takes the next
 * @property {{ picture: Blob, mask: Blob | null } | null} from
 */

/**
 * What came of one.
 * @typedef {object} Made
 * @property {Blob} picture
 * @property {string | null} record where its record is, such as `2026h2-17`
 */

/**
 * @param {Wish} wish
 * @param {import("./gallery.js").Gallery} gallery
 * @param {AbortSignal} signal
 */
export async function make(wish, gallery, signal) {
  const places = Array.from({ length: wish.count }, () => gallery.begin(wish));
  let finished = 0;
  try {
    const answer = await ask(wish.from === null ? "/v1/images/generations" : "/v1/images/edits", { method: "POST", signal, ...request(wish) });
    for await (const event of serverEvents(answer)) {
      const data = JSON.parse(event.data);
      if (data.error) throw refused(data.error);
      const at = data.picture ?? data.colophon?.picture ?? finished;
      const place = places[at];
      if (event.name === "colophon.progress") {
        place?.progress(data.step, data.steps);
      } else if (/\.partial_image$/.test(event.name)) {
        place?.partial(blob(data.b64_json, wish));
      } else if (/\.completed$/.test(event.name)) {
        place?.done({ picture: blob(data.b64_json, wish), record: recordOf(data) });
        finished += 1;
      }
    }
    if (finished < wish.count) throw new Problem({ code: "broken-off" });
  } finally {
    for (const place of places) place.ended();
  }
}

/**
 * @param {Wish} wish
 * @returns {import("../../api.js").Options}
 */
function request(wish) {
  const fields = { prompt: wish.prompt, ...(wish.model === "" ? {} : { model: wish.model }), size: wish.size, n: wish.count, output_format: wish.format, stream: true, partial_images: PARTIAL };
  const colophon = { progress: true, ...(wish.seed === null ? {} : { seed: wish.seed }) };
  if (wish.from === null) return { json: { ...fields, colophon } };
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, String(value));
  body.set("colophon", JSON.stringify(colophon));
  body.set("image", wish.from.picture, "picture");
  if (wish.from.mask !== null) body.set("mask", wish.from.mask, "mask.png");
  return { body };
}

/** @param {any} data */
function recordOf(data) {
  const record = data.colophon?.record;
  return typeof record === "string" ? record.replace("/", "-") : null;
}

/** @param {any} error as the OpenAI API tells of one in a stream */
function refused(error) {
  const text = (/** @type {unknown} */ value) => (typeof value === "string" ? value : null);
  return new Problem({ code: text(error.code) === "policy_refused" ? "forbidden" : "failed", title: text(error.message) ?? undefined, detail: text(error.message) });
}

/**
 * @param {unknown} base64
 * @param {Wish} wish
 */
function blob(base64, wish) {
  if (typeof base64 !== "string") throw new Problem({ code: "broken-off" });
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new Blob([bytes], { type: `image/${wish.format}` });
}
