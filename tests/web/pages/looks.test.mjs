// Every page in both themes, narrow and wide, with pleasant and with hostile data: axe, width, console, layout.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { accessible, closeBrowser, fits, visit } from "./harness.mjs";

after(closeBrowser);

const PAGES = ["/ledger", "/generate", "/policy", "/keys", "/status", "/docs"];
const TABS = { "/ledger": ["Events", "Numbers", "The log", "Export"], "/policy": ["Verdicts", "Vocabulary", "Files"] };
const LOOKS = [["wide", "light"], ["narrow", "dark"], ["wide", "dark"], ["narrow", "light"]];

for (const [size, theme] of LOOKS) {
  test(`pages are accessible and fit: ${size}, ${theme}`, async () => {
    const seen = await visit({ size, theme });
    for (const path of PAGES) {
      await seen.open(path);
      await seen.settled();
      await accessible(seen.page);
      await fits(seen.page);
      for (const name of TABS[path] ?? []) {
        await seen.page.getByRole("tab", { name }).click();
        await seen.settled();
        await accessible(seen.page);
        await fits(seen.page);
      }
    }
    await seen.done();
  });
}

test("texts from outside are shown and never run, and break no page", async () => {
  for (const size of ["wide", "narrow"]) {
    const seen = await visit({ size, fake: { hostile: true, records: 60 } });
    for (const path of PAGES) {
      await seen.open(path);
      await seen.settled();
      await fits(seen.page);
      for (const name of TABS[path] ?? []) {
        await seen.page.getByRole("tab", { name }).click();
        await seen.settled();
        await fits(seen.page);
      }
      assert.equal(await seen.page.locator("main img[onerror], main script").count(), 0);
    }
    await seen.open("/ledger");
    const row = seen.page.getByRole("row").nth(1);
    await row.waitFor();
    assert.match(await row.innerText(), /<img src=x/, "it is told as it is");
    assert.doesNotMatch(await row.innerText(), /\u202e/, "without what turns the line around");
    await seen.done();
  }
});

test("nothing moves when the answers arrive", async () => {
  const seen = await visit();
  for (const path of PAGES) {
    await seen.page.addInitScript(() => {
      Reflect.set(window, "shift", 0);
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) Reflect.set(window, "shift", Reflect.get(window, "shift") + (entry.hadRecentInput ? 0 : entry.value));
      }).observe({ type: "layout-shift", buffered: true });
    });
    await seen.open(path);
    await seen.settled();
    const shift = await seen.page.evaluate(() => Reflect.get(window, "shift"));
    assert.ok(shift < 0.1, `${path}: ${shift}`);
  }
  await seen.done();
});

test("a failing service is told of, and trying again leads on", async () => {
  const main = { "/ledger": /^\/v1\/(ledger|records)/, "/policy": /^\/v1\/policy/, "/keys": /^\/v1\/keys/, "/status": /^\/v1\/status/, "/docs": /^\/openapi/ };
  for (const [path, address] of Object.entries(main)) {
    const seen = await visit({ quiet: /500/ });
    seen.fake.fail(address, 500, { code: "internal", detail: "the disk is on fire" });
    await seen.open(path);
    const told = seen.page.getByRole("alert").first();
    await told.getByText("The server failed.").waitFor();
    assert.match(await told.innerText(), /the disk is on fire[^]*0123456789abcdef/);
    await accessible(seen.page);
    seen.fake.heal();
    for (let alerts = await seen.page.getByRole("alert").count(); alerts > 0; alerts -= 1) {
      await seen.page.getByRole("button", { name: "Try again" }).first().click();
      await seen.settled();
    }
    assert.equal(await seen.page.getByRole("alert").count(), 0, path);
    await seen.done();
  }
});

test("a slow service is waited for, and an empty one told of", async () => {
  const seen = await visit({ fake: { empty: true } });
  seen.fake.slow(/^\/v1\/(ledger|records)/, 1_500);
  await seen.open("/ledger");
  assert.ok((await seen.page.getByRole("status").filter({ hasText: "Loading" }).count()) > 0);
  await seen.page.getByText("Nothing was issued yet.").waitFor();
  await seen.page.getByRole("tab", { name: "Numbers" }).click();
  await seen.page.getByText("Nothing was issued yet.").last().waitFor();
  await accessible(seen.page);
  await seen.done();
});

test("German is spoken throughout", async () => {
  const seen = await visit({ locale: "de-DE" });
  const words = { "/ledger": "Register", "/generate": "Erzeugen", "/policy": "Regelwerk", "/keys": "Schlüssel", "/status": "Zustand", "/docs": "API" };
  for (const [path, word] of Object.entries(words)) {
    await seen.open(path);
    await seen.settled();
    assert.equal(await seen.page.locator("h1").innerText(), word);
    assert.doesNotMatch(await seen.page.locator("main").innerText(), /web\.[a-z]+\./, "a sentence is missing");
  }
  await seen.done();
});
