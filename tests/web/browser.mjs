// A browser with open eyes: whatever a page does that it must not do ends up in `complaints`.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { start } from "./fake/server.mjs";

const pretended = process.env.COLOPHON_WEB_BASE === undefined ? await start({}) : null;
/** Where the service is; without one, a pretended one serves the page's files. */
export const BASE = process.env.COLOPHON_WEB_BASE ?? pretended.url;
/** Whether it is a service, and not a pretended one. */
export const LIVE = pretended === null;
/** Where pictures of the pages go, if anybody wants to look at them. */
const SHOTS = process.env.COLOPHON_WEB_SHOTS;
/** The widths and themes that every page is looked at in. */
export const LOOKS = [
  { name: "wide-light", width: 1280, height: 900, theme: "light", locale: "en-GB" },
  { name: "narrow-dark", width: 320, height: 700, theme: "dark", locale: "de-DE" },
];

const root = new URL("../../", import.meta.url);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let browser;

export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
  await pretended?.close();
}

/**
 * A page of a new visitor. `answers` maps the beginnings of paths of this server to what is answered in its stead;
 * `routes` does the same by pattern of the whole address, and `early` does not wait for the scripts. `cookies` are there
 * from visits before.
 */
export async function visit(path, { width = 1280, height = 900, theme = "light", locale = "en-GB", answers = {}, routes = [], cookies = {}, before, bytes, early = false, javaScriptEnabled = true } = {}) {
  browser ??= await chromium.launch({ executablePath: process.env.COLOPHON_BROWSER ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, locale, javaScriptEnabled, acceptDownloads: true, permissions: ["clipboard-read", "clipboard-write"] });
  await context.addCookies(Object.entries(cookies).map(([name, value]) => ({ name, value, url: BASE })));
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  // A browser only tells of choosers once somebody listens, and needs a while to begin.
  page.on("filechooser", () => {});
  const complaints = [];
  const requests = [];
  page.on("console", (message) => {
    // A refused request is told by the page itself; the browser writes it down as well.
    const refused = /Failed to load resource: the server responded with a status of [45]/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !refused) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  page.on("request", (request) => {
    requests.push(request);
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== new URL(BASE).origin) complaints.push(`asked another host: ${url}`);
  });
  for (const [beginning, answer] of Object.entries(answers)) {
    await page.route((url) => url.origin === new URL(BASE).origin && url.pathname.startsWith(beginning), (route) => answer(route, new URL(route.request().url())));
  }
  for (const [pattern, answer] of routes) await page.route(pattern, answer);
  if (before) await page.addInitScript(before);
  if (bytes) {
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    session.on("Network.loadingFinished", (event) => bytes(event.encodedDataLength));
  }
  await page.goto(BASE + path);
  if (javaScriptEnabled && !early) await ready(page);
  return { page, context, complaints, requests, async end() { await context.close(); assert.deepEqual(complaints, []); } };
}

/** The page's script is there: the first view was there before it. */
export const ready = (page) => page.waitForFunction(() => document.title.includes("·"));

/** Answers with JSON. */
export const json = (value, status = 200, headers = {}) => (route) => route.fulfill({ status, headers, contentType: status < 400 ? "application/json" : "application/problem+json", body: JSON.stringify(typeof value === "function" ? value(route) : value) });

/** Nothing that people with a disability stumble over (WCAG 2.2 AA), and nothing that sticks out at the side. */
export async function isSound(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
  });
  assert.deepEqual(found, [], name);
  const [inner, all] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
  assert.ok(all <= inner, `${name}: the page is ${all - inner} pixels wider than the window`);
  await shot(page, name);
}

export async function shot(page, name) {
  if (SHOTS === undefined) return;
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

/** A small PNG: one red pixel. */
export const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8Dwn4EIAAAqJQIFp2D0YwAAAABJRU5ErkJggg==", "base64");

export const file = (name, mimeType = "image/png", buffer = PIXEL) => ({ name, mimeType, buffer });

/** The reports that the reports' own tests hold. */
export const KINDS = ["recovered", "issued", "contradiction", "declared", "nothing", "unreadable"];

export async function golden(kind, language = "en") {
  const name = kind === "everything" ? "everything.json" : `${kind}.${language}.json`;
  return JSON.parse(await readFile(new URL(`crates/rendering/tests/golden/${name}`, root), "utf8"));
}

/** Markup, code, words that turn their surroundings, and a word without end. */
export const HOSTILE = [
  `<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>`,
  `"'><svg/onload=globalThis.hacked=1>{file}{{constructor.constructor("hacked=1")()}}`,
  `javascript:globalThis.hacked=1//`,
  `\u202egnp.esrever\u202c \u2066isolate\u2069 \u0000\u0007\u200b`,
  "W".repeat(3000),
  "مرحبا بالعالم".repeat(40),
];

/** The same with every text in it hostile, except where `keep` says so. */
export function poisoned(value, keep = () => false, path = [], counter = { n: 0 }) {
  if (typeof value === "string") return keep(path, value) ? value : HOSTILE[counter.n++ % HOSTILE.length];
  if (Array.isArray(value)) return value.map((each) => poisoned(each, keep, path, counter));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, poisoned(each, keep, [...path, name], counter)]));
}

/** Nothing that was given as text became anything else. */
export async function isUnharmed(page) {
  const state = await page.evaluate(() => ({
    hacked: "hacked" in globalThis,
    foreign: [...document.querySelectorAll("main script, main iframe, main object, main embed, main form[action], main img:not([src^='blob:'])")].map((each) => each.outerHTML.slice(0, 200)),
    listeners: [...document.querySelectorAll("*")].flatMap((each) => each.getAttributeNames().filter((name) => name.startsWith("on") || name === "style" && !each.matches(".picture"))),
    links: [...document.querySelectorAll("a[href]")].map((each) => each.protocol).filter((protocol) => !/^(https?|blob):$/.test(protocol)),
    turned: /[\u202a-\u202e\u2066-\u2069\u200b]/.test(document.body.innerText),
  }));
  assert.deepEqual(state, { hacked: false, foreign: [], listeners: [], links: [], turned: false });
}
