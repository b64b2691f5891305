// Pictures that are to be checked: a few at once, the others wait.

import { ask, get, Problem } from "../api.js";
import { language } from "../i18n.js";
import { key } from "../session.js";

/** @typedef {import("../report/items.js").Report} Report */
/** @typedef {"waiting" | "running" | "done" | "failed" | "cancelled"} State */

/** Pictures that are checked at once. The server checks as many as it has processors; more would only wait there. */
const AT_ONCE = 2;
/** Most times that a picture is offered to a server that is busy. */
const TRIES = 6;
/** Formats that browsers show; of others the server is asked for a small copy. */
const SHOWN = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "image/bmp", "image/svg+xml"];

let numbers = 0;

/** One picture and what became of it. */
export class Check {
  /** @param {File | string} source a file, or the address of a picture */
  constructor(source) {
    numbers += 1;
    this.number = numbers;
    this.source = source;
    this.name = typeof source === "string" ? source : source.name || "";
    /** @type {State} */
    this.state = "waiting";
    /** @type {Report | null} */
    this.report = null;
    /** @type {unknown} */
    this.error = null;
    /** Address of the picture in this browser, if it can show it. @type {string | null} */
    this.picture = source instanceof File && SHOWN.includes(source.type) ? URL.createObjectURL(source) : null;
    /** Address of the picture under its heat map. @type {string | null} */
    this.heatMap = null;
    this.leave = new AbortController();
  }

  /** Frees what is kept of the picture in this browser. */
  drop() {
    this.leave.abort();
    for (const address of [this.picture, this.heatMap]) if (address !== null) URL.revokeObjectURL(address);
    this.picture = null;
    this.heatMap = null;
  }
}

export class Queue {
  /** @param {(check: Check) => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {Check[]} */
    this.all = [];
    this.running = 0;
  }

  /** @param {Check[]} checks */
  add(checks) {
    this.all.push(...checks);
    for (const check of checks) this.changed(check);
    this.next();
  }

  /** @param {Check} check */
  again(check) {
    check.leave = new AbortController();
    this.set(check, "waiting");
    this.next();
  }

  /** @param {Check} check */
  cancel(check) {
    if (check.state !== "waiting" && check.state !== "running") return;
    check.leave.abort();
    this.set(check, "cancelled");
  }

  /** Forgets all pictures. */
  clear() {
    for (const check of this.all) check.drop();
    this.all = [];
  }

  /** @param {Check} check @param {State} state */
  set(check, state) {
    check.state = state;
    this.changed(check);
  }

  next() {
    while (this.running < AT_ONCE) {
      const check = this.all.find((each) => each.state === "waiting");
      if (!check) return;
      this.running += 1;
      this.set(check, "running");
      void this.run(check).finally(() => {
        this.running -= 1;
        this.next();
      });
    }
  }

  /** @param {Check} check */
  async run(check) {
    const { signal } = check.leave;
    try {
      await offered(check, signal);
      if (!signal.aborted) this.set(check, "done");
    } catch (error) {
      if (signal.aborted) return;
      check.error = error;
      this.set(check, "failed");
    }
  }
}

/**
 * Offers the picture until the server has time for it.
 * @param {Check} check
 * @param {AbortSignal} signal
 */
async function offered(check, signal) {
  for (let left = TRIES - 1; ; left -= 1) {
    try {
      take(check, await sent(check, signal));
      return;
    } catch (error) {
      const busy = error instanceof Problem && ["overloaded", "too-many-requests"].includes(error.code);
      if (!busy || left <= 0) throw error;
      await pause((error.retryAfter ?? 2) * 1000, signal);
    }
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.min(milliseconds, 30_000));
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}

/**
 * Sends the picture; asks for its heat map where the key may see it.
 * @param {Check} check
 * @param {AbortSignal} signal
 * @returns {Promise<any>}
 */
async function sent(check, signal) {
  const wanted = check.picture === null ? ["thumbnail"] : [];
  if (key() === null) return (await request(check, wanted, signal)).json();
  try {
    return await (await request(check, [...wanted, "heat-map"], signal)).json();
  } catch (error) {
    const refused = error instanceof Problem && ["unauthenticated", "forbidden"].includes(error.code);
    if (!refused) throw error;
    return (await request(check, wanted, signal)).json();
  }
}

/**
 * @param {Check} check
 * @param {string[]} wanted
 * @param {AbortSignal} signal
 * @param {string} [accept]
 */
function request(check, wanted, signal, accept = "application/json") {
  const query = { lang: language(), include: wanted.join(",") };
  const headers = { accept };
  if (typeof check.source === "string") return ask("/v1/verify/url", { method: "POST", query, headers, json: { url: check.source }, signal });
  const body = new FormData();
  body.append("image", check.source, check.source.name || "picture");
  return ask("/v1/verify", { method: "POST", query, headers, body, signal });
}

/**
 * Takes an answer: a report, or one with attachments.
 * @param {Check} check
 * @param {any} answer
 */
function take(check, answer) {
  check.report = answer.report ?? answer;
  const { thumbnail, "heat-map": heatMap } = answer.attachments ?? {};
  if (check.picture === null && thumbnail) check.picture = address(thumbnail);
  if (heatMap) check.heatMap = address(heatMap);
}

/**
 * An attached file as an address of this page.
 * @param {{ media_type: string, data: string }} file
 */
function address(file) {
  const bytes = Uint8Array.from(atob(file.data), (char) => char.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: file.media_type }));
}

/**
 * The report as a page of its own: the picture is checked once more for it, because nothing of it was kept.
 * @param {Check} check
 */
export async function asPage(check) {
  return (await request(check, [], new AbortController().signal, "text/html")).blob();
}

/**
 * What the server says of its checks.
 * @param {AbortSignal} signal
 * @returns {Promise<any>}
 */
export function detection(signal) {
  return get("/v1/detection", { signal });
}
