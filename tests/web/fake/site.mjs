// The page's own files, as the service would serve them, and what it would make of the repository's policies.

import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { extname } from "node:path";

import { hash } from "./log.mjs";

const ROOT = new URL("../../../", import.meta.url);
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
/** As strict as the service's own, which allows one sheet of styles in the page by its hash. */
const csp = (styles) => `default-src 'none'; script-src 'self'; style-src 'self' 'sha256-${hash(Buffer.from(styles)).toString("base64")}'; img-src 'self' blob: data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** Sent in the page (crates/server/src/api/web/files.rs). */
const FIRST_SHEETS = ["tokens", "base", "components", "verify"];

const text = (path) => readFileSync(new URL(path, ROOT), "utf8");

/**
 * Sentences by key; the catalogue's files have sections and texts in quotes only.
 * @param {string} toml
 */
export function sentences(toml) {
  let section = "";
  return Object.fromEntries(
    toml.split("\n").flatMap((line) => {
      const head = /^\[(.+)\]$/.exec(line);
      if (head) section = `${head[1]}.`;
      const pair = /^([\w-]+) = (".*")$/.exec(line);
      return pair ? [[section + pair[1], JSON.parse(pair[2])]] : [];
    }),
  );
}

/** Catalogues that were read, and when they were written. @type {Map<string, { written: number, all: [string, string][] }>} */
const read = new Map();

function words(language, wanted) {
  const folder = new URL(`policies/wording/${language}/`, ROOT);
  const files = readdirSync(folder).map((name) => new URL(name, folder));
  const written = Math.max(...files.map((file) => statSync(file).mtimeMs));
  if (read.get(language)?.written !== written) read.set(language, { written, all: Object.entries(Object.assign({}, ...files.map((file) => sentences(text(file))))) });
  return Object.fromEntries(read.get(language).all.filter(([key]) => key.startsWith("verdict.") === wanted));
}

/** @param {string} text */
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/**
 * A page as the service sends it (crates/server/src/api/web/shell.rs): words and styles in, language and theme as chosen,
 * link of the page marked, and for `/` its first view.
 * @param {string} path
 * @param {string} styles
 * @param {{ accepted?: string, cookies?: string }} request
 */
export function shell(path, styles, { accepted = "", cookies = "" }) {
  const chosen = (name) => new RegExp(`\\bcolophon-${name}=(\\w+)`).exec(cookies)?.[1];
  const language = chosen("language") ?? /\b(en|de)\b/i.exec(accepted)?.[1].toLowerCase() ?? "en";
  const theme = chosen("theme");
  const sentence = { ...words("en", false), ...words(language, false) };
  const filled = text("web/index.html").replace('<html lang="en"', `<html lang="${language}"${theme ? ` data-theme="${theme}"` : ""}`).replace(/<([a-z][^<>]*)>([^<]*)/g, (_, tag, inside) => {
    const named = (name) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1];
    const told = (name) => escaped(sentence[named(name)]);
    const current = named("data-t")?.startsWith("web.nav.") && named("href") === path;
    return `<${tag}${named("data-label") ? ` aria-label="${told("data-label")}"` : ""}${named("data-hint") ? ` title="${told("data-hint")}"` : ""}${current ? ' aria-current="page"' : ""}>${named("data-t") ? told("data-t") : inside}`;
  });
  const first = /<template id="verify">([^]*?)<\/template>/.exec(filled)[1];
  const page = path === "/" ? filled.replace("<main ", '<main data-page="verify" ').replace("</main>", () => `${first}</main>`) : filled;
  return page.replace("<style>", () => `<style>${styles}`);
}

/**
 * @param {string} path
 * @param {{ accepted?: string, cookies?: string }} [request]
 */
export function siteFile(path, request = {}) {
  const wording = /^\/web\/wording\/(en|de)(-verdicts)?\.json$/.exec(path);
  if (wording) return { type: "application/json", body: JSON.stringify(words(wording[1], wording[2] !== undefined)) };
  if (path.startsWith("/web/")) {
    const file = new URL(`web/${path.slice(5)}`, ROOT);
    return existsSync(file) ? { type: TYPES[extname(path)] ?? "application/octet-stream", body: readFileSync(file) } : null;
  }
  if (/^\/(v1|tlog)\//.test(path) || /\.\w+$/.test(path)) return null;
  const styles = FIRST_SHEETS.map((name) => text(`web/css/${name}.css`)).join("");
  return { type: "text/html; charset=utf-8", body: shell(path, styles, request), headers: { "content-security-policy": csp(styles), "cross-origin-opener-policy": "same-origin" } };
}

/** The shipped bundle, as `GET /v1/policy` tells of it. */
export function policy() {
  const table = text("policies/verdicts.toml");
  const verdict_rules = table.split("[[rule]]").slice(1).map((block) => {
    const of = (name) => new RegExp(`^${name} = "(.+)"$`, "m").exec(block)?.[1];
    const when = Object.fromEntries([...(/^when = \{(.*)\}$/m.exec(block)?.[1] ?? "").matchAll(/([\w-]+) = (\[.*?\])/g)].map(([, name, list]) => [name, JSON.parse(list)]));
    return { rule: of("verdict"), finding: of("finding"), action: of("action"), when };
  });
  const cedar = text("policies/default.cedar");
  const policies = [...cedar.matchAll(/^@id\("(.+)"\)\n((?:@.*\n)*)(permit|forbid)/gm)].map((match) => {
    const line = cedar.slice(0, match.index).split("\n").length;
    const note = (name) => new RegExp(`@${name}\\("(.+)"\\)`).exec(match[2])?.[1] ?? null;
    const end = cedar.indexOf(";\n", match.index);
    return { id: match[1], effect: match[3], place: { file: "default.cedar", line, column: 1, last_line: cedar.slice(0, end).split("\n").length }, reason: note("reason"), advice: note("advice"), obligations: note("min_strength") ? { "min-strength": note("min_strength"), "max-side": 2048 } : {} };
  });
  const names = ["default.cedar", "lexicon/en.toml", "schema.cedarschema", "verdicts.toml", "vocabulary.toml"];
  const files = names.map((path) => ({ path, sha256: hash(Buffer.from(text(`policies/${path}`))).toString("hex"), bytes: 1, text: path.startsWith("lexicon") ? null : text(`policies/${path}`) }));
  const signals = {};
  for (const { when } of verdict_rules) for (const [signal, values] of Object.entries(when)) signals[signal] = [...new Set([...(signals[signal] ?? []), ...values])];
  const vocabulary = sentences(text("policies/vocabulary.toml"));
  const part = (name) => Object.fromEntries(Object.entries(vocabulary).filter(([key]) => key.startsWith(`${name}.`)).map(([key, meaning]) => [key.slice(name.length + 1), meaning]));
  return { hash: hash(Buffer.from(table)).toString("hex"), origin: "published", signers: ["ledger.example.org/policy"], listing: "", note: "colophon policy bundle 1\n…\n", verdict_rules, policies, signals: Object.entries(signals).map(([name, values]) => ({ name, values })), vocabulary: { labels: part("labels"), purposes: part("purposes") }, files };
}
