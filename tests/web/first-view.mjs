// How long a browser takes to the first words of a page, beside a page that has one word and nothing else.
//   node first-view.mjs [VISITS]        of COLOPHON_WEB_BASE, or of the pretended service
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const ONE_WORD = "<!doctype html><title>One word</title><p>Word</p>";

/** Between two visits, milliseconds. */
const PAUSE = 300;

/** @param {number[]} all */
const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];

/** One visit by somebody who has nothing of the page yet. */
async function firstWords(browser, url, seen) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB" });
  const page = await context.newPage();
  await seen?.(context, page);
  const answer = await page.goto(url);
  if (!answer?.ok()) throw new Error(`${url} answers with ${answer?.status()}`);
  const painted = await page.evaluate(() => new Promise((resolve) => {
    new PerformanceObserver((list) => {
      const entry = list.getEntriesByName("first-contentful-paint")[0];
      if (entry) resolve(entry.startTime);
    }).observe({ type: "paint", buffered: true });
  }));
  if (seen) await page.waitForLoadState("networkidle");
  await context.close();
  // The browser takes the visit down after it said so; the next one begins when it is done.
  await new Promise((done) => setTimeout(done, PAUSE));
  return painted;
}

/** The headers of an answer that are not about its bytes. */
async function manners(url) {
  const { headers } = await fetch(url);
  return Object.fromEntries([...headers].filter(([name]) => !/^(content-(?!security)|transfer-|connection|keep-alive|date|etag)/.test(name)));
}

/**
 * Visits by turns the page and one with a word, which a server of its own sends from this machine with the same headers, so
 * that what the browser and the machine need counts for both (a browser takes a new process for a page that wants no
 * opener). The first visits of both are not counted; what is transferred is
 * counted in one of them.
 * @param {string} base
 * @param {number} visits
 */
export async function compare(base, visits) {
  const headers = { ...await manners(`${base}/`), "content-type": "text/html; charset=utf-8" };
  const server = createServer((_, response) => response.writeHead(200, headers).end(ONE_WORD));
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(null)));
  const word = `http://127.0.0.1:${server.address().port}/`;
  const browser = await chromium.launch({ executablePath: process.env.COLOPHON_BROWSER ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  let bytes = 0;
  const times = { word: [], page: [] };
  try {
    await firstWords(browser, word);
    await firstWords(browser, `${base}/`, async (context, page) => {
      const session = await context.newCDPSession(page);
      await session.send("Network.enable");
      session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
    });
    for (let visit = 0; visit < visits; visit += 1) {
      times.word.push(await firstWords(browser, word));
      times.page.push(await firstWords(browser, `${base}/`));
    }
  } finally {
    await browser.close();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
  const told = (all) => ({ median: Math.round(median(all)), least: Math.round(Math.min(...all)), most: Math.round(Math.max(...all)) });
  return { bytes, word: told(times.word), page: told(times.page) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const base = process.env.COLOPHON_WEB_BASE;
  const pretended = base === undefined ? await (await import("./fake/server.mjs")).start({}) : null;
  const { bytes, word, page } = await compare(base ?? pretended.url, Number(process.argv[2] ?? 15));
  for (const [name, { median, least, most }] of Object.entries({ "one word": word, "first view": page })) console.log(`${name.padEnd(10)}  ${median} ms (${least} to ${most})`);
  console.log(`first view: ${bytes} bytes${pretended ? ", not packed" : ""}`);
  await pretended?.close();
}
