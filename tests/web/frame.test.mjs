// The frame of every page: language, theme, key, addresses.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { BASE, closeBrowser, isSound, json, LOOKS, ready, shot, visit } from "./browser.mjs";

after(closeBrowser);

test("language and theme are chosen and stay chosen", async () => {
  const { page, end } = await visit("/", { theme: "dark", locale: "de-AT" });
  assert.equal(await page.locator("html").getAttribute("lang"), "de");
  await page.getByRole("button", { name: "EN English" }).focus();
  await page.keyboard.press("Enter");
  await page.getByText("Where does this picture come from?").waitFor();
  assert.equal(await page.title(), "Verify · Colophon");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.getByRole("button", { name: "Switch to the light theme" }).click();
  assert.notEqual(await ground(), dark);
  await page.reload();
  await ready(page);
  await page.getByText("Where does this picture come from?").waitFor();
  assert.notEqual(await ground(), dark);
  await page.getByRole("button", { name: "Switch to the dark theme" }).click();
  assert.equal(await ground(), dark);
  assert.equal(await page.evaluate(() => document.cookie), "colophon-language=en", "it follows the system again");
  await end();
});

test("a key is taken from the address, sent, replaced and forgotten", async () => {
  const sent = [];
  const answers = { "/v1/records/": (route) => { sent.push(route.request().headers().authorization); return json({ type: "/problems/unauthenticated", title: "x", requestId: "r" }, 401)(route); } };
  const { page, end } = await visit("/records/2026h2-0#key=abc.DEF_1", { answers });
  assert.equal(page.url(), `${BASE}/records/2026h2-0`);
  assert.equal(await page.evaluate(() => sessionStorage.getItem("colophon.key")), "abc.DEF_1");
  await page.getByText("This needs an API key.").waitFor();
  await page.locator("[role=alert]").getByRole("button", { name: "Give an API key" }).click();
  const box = page.getByRole("dialog");
  await box.getByLabel("Key", { exact: true }).fill("with blanks");
  await page.keyboard.press("Enter");
  await box.getByText("That is no key").waitFor();
  await box.getByLabel("Key", { exact: true }).fill("second");
  await isSound(page, "dialog");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("dialog") === null);
  await page.getByRole("button", { name: "An API key is in use" }).click();
  await page.getByRole("button", { name: "Forget the key" }).click();
  assert.equal(await page.evaluate(() => sessionStorage.getItem("colophon.key")), null);
  assert.deepEqual([...new Set(sent)], ["Bearer abc.DEF_1", "Bearer second"]);
  await end();
});

test("addresses lead to pages, back leads back, and nothing is told as such", async () => {
  const { page, end } = await visit("/no/such/page");
  assert.equal(await page.locator("h1").innerText(), "Nothing here");
  await isSound(page, "nothing");
  await page.getByRole("link", { name: "Check a picture" }).click();
  await page.getByText("Where does this picture come from?").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1", "the focus is on the new page");
  assert.equal(await page.locator("nav [aria-current=page]").innerText(), "Verify");
  await page.goBack();
  await page.getByText("Nothing here").waitFor();
  await end();
});

for (const look of LOOKS) {
  test(`a kind of problem is explained (${look.name})`, async () => {
    const told = (route) => (route.request().headers().accept.includes("application/json") ? json({ code: "not-found", title: "x", status: 404 })(route) : route.fallback());
    const { page, end } = await visit("/problems/not-found", { ...look, answers: { "/problems/": told } });
    await page.locator("main .card").waitFor();
    await isSound(page, `problem-${look.name}`);
    await end();
  });
}

test("the menu of a narrow window opens, closes and gives the focus back", async () => {
  const { page, end } = await visit("/", { width: 320, height: 640 });
  const menu = page.getByRole("button", { name: "Menu" });
  await menu.click();
  await page.getByRole("link", { name: "Verify" }).waitFor();
  await isSound(page, "menu");
  await page.keyboard.press("Tab");
  await page.getByRole("link", { name: "Verify" }).focus();
  await page.keyboard.press("Escape");
  assert.equal(await menu.getAttribute("aria-expanded"), "false");
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Menu");
  await end();
});

for (const width of [1280, 320]) {
  test(`without JavaScript there are words, links, and a form for one picture (${width})`, async () => {
    const { page, end } = await visit("/", { javaScriptEnabled: false, width, locale: "de-DE" });
    const form = page.locator("form[action]");
    assert.equal(await form.getAttribute("action"), "/v1/verify");
    assert.equal(await form.getAttribute("enctype"), "multipart/form-data");
    await page.getByLabel("Picture", { exact: true }).waitFor();
    assert.equal(await page.locator("h1").innerText(), "Woher kommt dieses Bild?");
    assert.deepEqual(await page.locator("nav a:visible").allInnerTexts(), ["Prüfen", "Register", "Erzeugen", "Regelwerk", "Schlüssel", "Zustand"]);
    await page.locator(".looked-for h2").nth(3).waitFor();
    assert.equal(await page.locator(".needs-script:visible").count(), 0, "nothing that does nothing");
    await shot(page, `scriptless-${width}`);
    await page.locator("nav a", { hasText: "Register" }).click();
    assert.equal(new URL(page.url()).pathname, "/ledger");
    assert.equal(await page.locator("nav [aria-current=page]").innerText(), "Register");
    await page.getByLabel("Picture", { exact: true }).waitFor();
    await end();
  });
}

test("the frame stands before any script, and nothing moves when it comes", async () => {
  const watch = `globalThis.moved = 0; new PerformanceObserver((list) => { for (const each of list.getEntries()) globalThis.moved += each.value; }).observe({ type: "layout-shift", buffered: true });`;
  for (const [path, name] of [["/", "Verify"], ["/ledger", "Ledger"], ["/no/such/page", null]]) {
    const held = [];
    const hold = (route) => new Promise((resolve) => held.push(() => resolve(route.continue())));
    // The addresses of a service have the edition before the name.
    const { page, end } = await visit(path, { early: true, before: watch, routes: [[/\/js\/app\.js$/, hold]] });
    assert.deepEqual(await page.locator("nav a:visible").allInnerTexts(), ["Verify", "Ledger", "Generate", "Policy", "Keys", "Status"]);
    assert.deepEqual(await page.locator("nav [aria-current=page]").allInnerTexts(), name === null ? [] : [name]);
    assert.deepEqual(await page.locator(".tools button:visible").evaluateAll((all) => all.map((each) => each.title)), ["Give an API key", "Deutsch", "Switch to the dark theme"]);
    assert.equal(await page.locator(".foot").isVisible(), true);
    assert.equal(await page.locator("h1").count(), path === "/" ? 1 : 0);
    const frame = () => page.evaluate(() => [...document.querySelectorAll(".top a, .top button")].map((each) => JSON.stringify(each.getBoundingClientRect())));
    const before = await frame();
    while (held.length === 0) await page.waitForTimeout(20);
    held.forEach((go) => go());
    await ready(page);
    assert.deepEqual(await frame(), before);
    assert.equal(await page.evaluate(() => globalThis.moved), 0, path);
    await end();
  }
});

/** Keeps every text that was to be seen, frame by frame. */
const WATCH = `globalThis.seen = new Set(); const look = () => { const said = document.body?.innerText.trim(); if (said) globalThis.seen.add(said); requestAnimationFrame(look); }; look();`;

test("a language that was chosen is the only one to be seen", async () => {
  for (const path of ["/", "/ledger"]) {
    const { page, end } = await visit(path, { locale: "en-GB", cookies: { "colophon-language": "de", "colophon-theme": "dark" }, before: WATCH });
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    await page.locator("nav", { hasText: "Prüfen" }).waitFor();
    const seen = await page.evaluate(() => [...globalThis.seen]);
    assert.ok(seen.length > 0 && seen.every((said) => said.includes("Ein Bericht sagt")), seen[0]);
    assert.ok(!seen.some((said) => /Verify|Skip to|Where does/.test(said)), "English was to be seen");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await end();
  }
});

test("words that do not come leave those that were served", async () => {
  const refuse = (route) => route.fulfill({ status: 500 });
  const { page, complaints } = await visit("/", { early: true, routes: [[/\/wording\//, refuse]] });
  for (let tries = 0; complaints.length === 0 && tries < 200; tries += 1) await page.waitForTimeout(20);
  await page.getByText("Where does this picture come from?").waitFor();
  assert.match(complaints.join(), /the words of the page did not come/);
  await page.context().close();
});

test("another language is spoken by header, footer and page", async () => {
  const { page, end } = await visit("/ledger");
  await page.locator("h1", { hasText: "Ledger" }).waitFor();
  await page.getByRole("button", { name: "DE Deutsch" }).click();
  await page.locator("h1", { hasText: "Register" }).waitFor();
  assert.match(await page.locator("footer").innerText(), /Ein Bericht sagt/);
  assert.equal(await page.locator("nav").getAttribute("aria-label"), "Seiten");
  assert.equal(await page.locator(".key-button").getAttribute("title"), "API-Schlüssel angeben");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "EN English", "the focus is on the button that leads back");
  await page.getByRole("link", { name: "Prüfen" }).click();
  await page.locator("h1", { hasText: "Woher kommt dieses Bild?" }).waitFor();
  await page.getByLabel("Adresse eines Bildes").waitFor();
  await page.getByRole("button", { name: "EN English" }).click();
  await page.locator("h1", { hasText: "Where does this picture come from?" }).waitFor();
  await page.getByRole("button", { name: "Choose pictures" }).waitFor();
  await end();
});
