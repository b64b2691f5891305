// A service that only pretends: answers of every address, delays and failures on demand.

import { createServer } from "node:http";

import { answers } from "./answers.mjs";
import { policy, siteFile } from "./site.mjs";
import { world } from "./world.mjs";

export class Fake {
  /**
   * @param {{ records?: number, hostile?: boolean, empty?: boolean, pause?: number }} options `pause`: milliseconds between two steps of a picture
   */
  constructor(options = {}) {
    this.options = options;
    this.world = world(options);
    this.policy = policy();
    this.answers = answers(this);
    /** @type {{ path: RegExp, status?: number, problem?: object, wait?: number, hang?: boolean, times?: number }[]} */
    this.rules = [];
    /** @type {{ method: string, path: string, query: URLSearchParams, headers: object, body: Buffer }[]} */
    this.asked = [];
    this.server = createServer((request, response) => void this.serve(request, response));
  }

  async listen(port = 0) {
    await new Promise((done) => this.server.listen(port, "127.0.0.1", () => done(null)));
    const at = this.server.address();
    this.url = `http://127.0.0.1:${typeof at === "object" && at ? at.port : port}`;
    return this;
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /** Answers at addresses like this with a problem. */
  fail(path, status, problem = {}, times = Infinity) {
    this.rules.push({ path, status, problem, times });
  }

  /** Waits before answers at addresses like this. */
  slow(path, wait) {
    this.rules.push({ path, wait });
  }

  heal() {
    this.rules = [];
  }

  async serve(request, response) {
    const url = new URL(request.url, "http://x");
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    this.asked.push({ method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers, body });
    for (const rule of this.rules.filter((rule) => rule.path.test(url.pathname))) {
      if (rule.wait) await new Promise((done) => setTimeout(done, rule.wait));
      if (rule.status && (rule.times ?? 1) > 0) {
        rule.times = (rule.times ?? 1) - 1;
        return problem(response, rule.status, rule.problem ?? {});
      }
    }
    const found = this.answers.find(([method, path]) => method === request.method && path.test(url.pathname));
    if (found) {
      const match = found[1].exec(url.pathname);
      const answer = await found[2]({ match, query: url.searchParams, body, headers: request.headers, request, response });
      if (answer !== undefined) send(response, answer);
      return undefined;
    }
    const file = siteFile(url.pathname, { accepted: request.headers["accept-language"], cookies: request.headers.cookie });
    if (file) return send(response, { type: file.type, body: file.body, headers: file.headers });
    return problem(response, 404, { code: "not-found", title: "There is nothing at this address" });
  }
}

function send(response, { status = 200, type = "application/json", body, json, headers = {} }) {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff", ...headers });
  response.end(json === undefined ? body : JSON.stringify(json));
}

export function problem(response, status, { code = "internal", title = "The service failed", detail, retryAfter } = {}) {
  const headers = { "content-type": "application/problem+json", "x-request-id": "0123456789abcdef", ...(retryAfter ? { "retry-after": String(retryAfter) } : {}) };
  response.writeHead(status, headers);
  response.end(JSON.stringify({ type: `/problems/${code}`, title, status, detail, requestId: "0123456789abcdef" }));
}

/**
 * A pretended service that listens.
 * @param {ConstructorParameters<typeof Fake>[0]} [options]
 * @param {number} [port]
 */
export async function start(options, port) {
  return new Fake(options).listen(port);
}
