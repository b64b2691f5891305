// The page and a service that runs: from a picture to its record to the proof, and what the first view costs. Needs
// COLOPHON_WEB_BASE, COLOPHON_WEB_KEY (the owner's), COLOPHON_WEB_ISSUED and COLOPHON_WEB_COPY (an issued file, and a copy
// of it without metadata); tests/cli/web.rs gives them.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { BASE, closeBrowser, isSound, LIVE, visit } from "./browser.mjs";
import { compare } from "./first-view.mjs";

after(closeBrowser);

const { COLOPHON_WEB_KEY: KEY, COLOPHON_WEB_ISSUED: ISSUED, COLOPHON_WEB_COPY: COPY } = process.env;
const options = { skip: LIVE ? false : "no service runs" };
const picker = "input[type=file]";
/** Most bytes of the first view, heads included. */
const MOST_BYTES = 100_000;
/** Longest time to the first words, milliseconds, in the middle of several visits. Tests share their machine. */
const MOST_MS = Number(process.env.COLOPHON_WEB_MS ?? 5000);

const VISITS = 9;

test("the first view is small, quick and does not move", options, async () => {
  // The browser is started by another page; then the first visit of somebody who has nothing of it yet.
  await (await visit("/no-such-page")).end();
  const watch = `globalThis.moved = 0; new PerformanceObserver((list) => { for (const each of list.getEntries()) globalThis.moved += each.value; }).observe({ type: "layout-shift", buffered: true });`;
  let bytes = 0;
  const { page, end } = await visit("/", { before: watch, bytes: (length) => { bytes += length; } });
  await page.waitForLoadState("networkidle");
  const moved = await page.evaluate(() => globalThis.moved);
  await end();
  const { page: painted, word } = await compare(BASE, VISITS);
  console.log(`first view: ${bytes} bytes, first words after ${painted.median} ms (${painted.least} to ${painted.most}), a page of one word ${word.median} ms (${word.least} to ${word.most}), moved ${moved}`);
  assert.equal(moved, 0);
  assert.ok(bytes > 10_000 && bytes < MOST_BYTES, `${bytes} bytes`);
  assert.ok(painted.median < MOST_MS, `${painted.median} ms`);
});

test("the service lets nothing foreign into its pages", options, async () => {
  const answer = await fetch(BASE + "/", { headers: { accept: "text/html" } });
  const policy = answer.headers.get("content-security-policy") ?? "";
  assert.match(policy, /script-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
});

test("an issued picture leads to its record, and the browser checks the proof", options, async () => {
  const { page, end } = await visit("/");
  await page.setInputFiles(picker, ISSUED);
  await page.locator(".answer h2").waitFor();
  assert.equal(await page.locator(".outcome").innerText().then((text) => text.includes("evidence found")), true);
  await isSound(page, "live-verify");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Report as a page" }).click();
  assert.match(await readFile(await (await download).path(), "utf8"), /^<!doctype html>/i);
  await page.getByRole("link", { name: "Go to its record" }).click();
  await page.getByText("The record is in the signed log.").waitFor();
  assert.equal(await page.locator(".steps [data-tone=alert]").count(), 0);
  await page.setInputFiles(picker, ISSUED);
  await page.getByText("is the file that was issued, byte for byte").waitFor();
  for (const name of ["Everything in one file", "Proof", "Record", "Receipt"]) {
    const file = page.waitForEvent("download");
    await page.locator(".files").getByRole("button", { name, exact: true }).click();
    assert.ok((await readFile(await (await file).path())).length > 100, name);
  }
  await isSound(page, "live-record");
  await end();
});

test("a copy without metadata is traced by its mark, with the heat map for the owner", options, async () => {
  const { page, end } = await visit(`/#key=${KEY}`, { theme: "dark" });
  await page.setInputFiles(picker, COPY);
  await page.locator(".answer h2").waitFor();
  await page.locator(".over").waitFor();
  const manifest = page.waitForEvent("download");
  await page.getByRole("button", { name: "Recovered manifest" }).click();
  assert.ok((await readFile(await (await manifest).path())).includes("c2pa"));
  await page.getByText("Say how good this check was").click();
  await page.getByRole("textbox", { name: "Your message" }).fill("It was right.");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("Thank you. Your message is kept").first().waitFor();
  await isSound(page, "live-copy");
  await end();
});
