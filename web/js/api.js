// Asking the server. Every page goes through here, so that a key is sent and a problem is told in one way.

import { key } from "./session.js";

/** A problem that the server told of (RFC 9457), or that kept it from answering. */
export class Problem extends Error {
  /**
   * @param {{ code: string, status?: number, title?: string, detail?: string | null, pointer?: string | null, requestId?: string | null, retryAfter?: number | null }} it
   */
  constructor(it) {
    super(it.detail ?? it.title ?? it.code);
    this.name = "Problem";
    /** The last part of its type, such as `not-found`; `offline` when the server did not answer. */
    this.code = it.code;
    this.status = it.status ?? 0;
    this.title = it.title ?? it.code;
    this.detail = it.detail ?? null;
    this.pointer = it.pointer ?? null;
    this.requestId = it.requestId ?? null;
    /** Seconds, if the server said when it may be tried again. */
    this.retryAfter = it.retryAfter ?? null;
  }
}

/**
 * @typedef {object} Options
 * @property {"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} [method]
 * @property {Record<string, string | number | boolean | null | undefined> | URLSearchParams} [query] empty values are left out
 * @property {BodyInit | null} [body]
 * @property {unknown} [json] a body as JSON
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

/**
 * The address of a request, with its query.
 * @param {string} path
 * @param {Options["query"]} [query]
 */
export function address(path, query) {
  const all = query instanceof URLSearchParams ? query : new URLSearchParams();
  if (query && !(query instanceof URLSearchParams)) {
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined && value !== "") all.set(name, String(value));
    }
  }
  const text = all.toString();
  return text === "" ? path : `${path}?${text}`;
}

/**
 * Asks; an answer that is no success is thrown as a {@link Problem}.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<Response>}
 */
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  const mine = key();
  if (mine !== null) headers.set("authorization", `Bearer ${mine}`);
  let body = options.body ?? null;
  if (options.json !== undefined) {
    headers.set("content-type", "application/json");
    body = JSON.stringify(options.json);
  }
  let answer;
  try {
    answer = await fetch(address(path, options.query), { method: options.method ?? "GET", headers, body, signal: options.signal });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem({ code: "offline" });
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

/**
 * Asks for JSON.
 * @template [T=any]
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<T>}
 */
export async function get(path, options = {}) {
  const answer = await ask(path, { ...options, headers: { accept: "application/json", ...options.headers } });
  return answer.json();
}

/** @param {Response} answer */
async function problem(answer) {
  const wait = Number(answer.headers.get("retry-after"));
  const it = {
    code: `status-${answer.status}`,
    status: answer.status,
    requestId: answer.headers.get("x-request-id"),
    retryAfter: Number.isFinite(wait) && wait > 0 ? wait : null,
  };
  try {
    const body = await answer.json();
    const text = (/** @type {unknown} */ value) => (typeof value === "string" ? value : null);
    return new Problem({
      ...it,
      code: text(body.type)?.split("/").pop() ?? it.code,
      title: text(body.title) ?? undefined,
      detail: text(body.detail),
      pointer: text(body.pointer),
      requestId: text(body.requestId) ?? it.requestId,
    });
  } catch {
    return new Problem(it);
  }
}

/**
 * Gives a file to the browser to keep.
 * @param {Blob} blob
 * @param {string} name
 */
export function keep(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * Asks for a file and gives it to the browser to keep; a plain link would not send the key.
 * @param {string} path
 * @param {string} name
 * @param {Options} [options]
 */
export async function download(path, name, options) {
  const answer = await ask(path, options);
  keep(await answer.blob(), name);
}
