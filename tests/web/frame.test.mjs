// The frame of every page: language, theme, key, addresses.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { BASE, closeBrowser, isSound, json, LOOKS, visit } from "./browser.mjs";

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
  await page.getByText("Where does this picture come from?").waitFor();
  assert.notEqual(await ground(), dark);
  await page.getByRole("button", { name: "Switch to the dark theme" }).click();
  assert.equal(await ground(), dark);
  assert.equal(await page.evaluate(() => localStorage.getItem("colophon.theme")), null, "it follows the system again");
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

test("without JavaScript one picture can be checked", async () => {
  const { page, end } = await visit("/", { javaScriptEnabled: false });
  const form = page.locator("form");
  assert.equal(await form.getAttribute("action"), "/v1/verify");
  assert.equal(await form.getAttribute("enctype"), "multipart/form-data");
  await page.getByLabel("Picture").waitFor();
  await end();
});
