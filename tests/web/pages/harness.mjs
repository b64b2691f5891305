// A browser and a pretended service for tests of pages.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

import { chromium } from "playwright-core";

import { start } from "../fake/server.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SIZES = { wide: { width: 1280, height: 860 }, narrow: { width: 360, height: 740 } };
const PATIENCE = 60_000;

let browser;

export async function launch() {
  browser ??= await chromium.launch({ executablePath: process.env.COLOPHON_BROWSER ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  return browser;
}

export async function closeBrowser() {
  await browser?.close();
}

/**
 * A page of a pretended service; what it writes to the console as an error fails `done`.
 * @param {{ size?: "wide" | "narrow", theme?: "light" | "dark", fake?: object, quiet?: RegExp, locale?: string }} [options] `quiet`: errors that are meant
 */
export async function visit({ size = "wide", theme = "light", fake: options = {}, quiet, locale = "en-GB" } = {}) {
  const fake = await start(options);
  const context = await (await launch()).newContext({ viewport: SIZES[size], colorScheme: theme, locale, acceptDownloads: true, reducedMotion: "reduce" });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !quiet?.test(message.text())) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(error.message));
  return {
    fake,
    page,
    open: async (path) => {
      await page.goto(fake.url + path, { timeout: PATIENCE });
      await page.locator("h1").waitFor();
    },
    /** Nothing is loading any more. */
    settled: () => page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".spinner, [aria-busy]")),
    done: async () => {
      const hurt = await page.evaluate(() => Reflect.get(window, "hurt"));
      await context.close();
      await fake.close();
      assert.deepEqual(errors, []);
      assert.equal(hurt, undefined, "a text from outside was run");
    },
  };
}

/** Whether the page can be used by everybody, as far as axe can tell. */
export async function accessible(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const told = found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3).join(" | ")}`);
  assert.deepEqual(told, []);
}

/** Nothing is wider than the window. */
export async function fits(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `the page is ${over} pixels wider than the window`);
}
