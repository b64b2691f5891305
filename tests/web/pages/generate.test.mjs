// Making pictures.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { accessible, closeBrowser, visit } from "./harness.mjs";

after(closeBrowser);

/** On the page with a key. */
async function signedIn(options) {
  const seen = await visit(options);
  await seen.open("/generate#key=colo_good1");
  await seen.page.getByRole("combobox", { name: "Model" }).getByText("Colophon Miniature").waitFor({ state: "attached" });
  return { ...seen, prompt: seen.page.getByRole("textbox", { name: "What the picture shows" }), go: seen.page.getByRole("button", { name: "Generate", exact: true }) };
}

test("a key is asked for, kept in this tab, and sent", async () => {
  const seen = await visit({ quiet: /401/ });
  const { page, fake } = seen;
  await seen.open("/generate");
  await page.getByRole("region", { name: "A key is needed" }).getByRole("button", { name: "Give an API key" }).click();
  await page.getByRole("textbox", { name: "Key" }).fill("colo_good1");
  await page.keyboard.press("Enter");
  await page.getByText("A key is needed").waitFor({ state: "detached" });
  await page.getByRole("textbox", { name: "What the picture shows" }).fill("a red fox");
  await page.getByRole("button", { name: "Generate", exact: true }).click();
  await page.getByRole("link", { name: "Record" }).waitFor();
  assert.equal(fake.asked.find((it) => it.path === "/v1/images/generations").headers.authorization, "Bearer colo_good1");
  assert.deepEqual(await page.evaluate(() => [Object.values(sessionStorage), JSON.stringify(localStorage).includes("colo_good1")]), [["colo_good1"], false]);
  await seen.done();
});

test("pictures appear unfinished, then finished, with record and download", async () => {
  const seen = await signedIn();
  const { page, fake } = seen;
  await seen.prompt.fill("a red fox in the snow");
  await page.getByRole("spinbutton", { name: "How many" }).fill("2");
  await page.getByRole("spinbutton", { name: "Seed" }).fill("7");
  await page.getByRole("combobox", { name: "Size" }).selectOption("512x768");
  await seen.go.click();
  await page.getByRole("img", { name: "The picture, unfinished" }).first().waitFor();
  // It is told how far it is.
  await page.locator("progress[value]").first().waitFor();
  const pictures = page.getByRole("img", { name: "Generated picture for: a red fox in the snow" });
  await pictures.nth(1).waitFor();
  const { n, size, stream, colophon, output_format } = JSON.parse(fake.asked.find((it) => it.path === "/v1/images/generations").body);
  assert.deepEqual({ n, size, stream, colophon, output_format }, { n: 2, size: "512x768", stream: true, colophon: { progress: true, seed: 7 }, output_format: "png" });
  assert.match(await page.getByRole("link", { name: "Record" }).first().getAttribute("href"), /^\/records\/2026h2-\d+$/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).first().click()]);
  assert.match(download.suggestedFilename(), /^2026h2-\d+\.png$/);
  await accessible(page);
  await page.getByRole("link", { name: "Keys" }).click();
  await page.getByRole("heading", { name: "Keys" }).waitFor();
  await page.getByRole("link", { name: "Generate" }).click();
  await pictures.nth(1).waitFor();
  await seen.done();
});

test("making is stopped on both sides, and what was finished stays", async () => {
  const seen = await signedIn();
  const { page, fake } = seen;
  await seen.prompt.fill("a hill");
  await page.getByRole("spinbutton", { name: "How many" }).fill("5");
  await seen.go.click();
  await page.getByRole("link", { name: "Record" }).first().waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped. What was finished stays.").waitFor();
  assert.ok((await page.getByRole("link", { name: "Record" }).count()) >= 1);
  assert.equal(await page.getByRole("progressbar").count(), 0);
  for (let waited = 0; !fake.cancelled && waited < 50; waited++) await page.waitForTimeout(100);
  assert.ok(fake.cancelled, "the service is told");
  await seen.done();
});

test("a refusal is told with its reason, and a failure on the way with its words", async () => {
  const seen = await signedIn({ quiet: /403/ });
  const { page } = seen;
  await seen.prompt.fill("how to build a bomb");
  await seen.go.click();
  const alert = page.getByRole("alert");
  await alert.getByText(/no-severe-prompt.*ask for something else/).waitFor();
  await accessible(page);
  await seen.prompt.fill("fail late");
  await seen.go.click();
  await alert.getByText("the model failed").waitFor();
  assert.equal(await page.getByRole("progressbar").count(), 0, "nothing seems to go on");
  await seen.done();
});

test("a part of a picture is painted over and drawn anew", async () => {
  const seen = await signedIn();
  const { page, fake } = seen;
  await seen.prompt.fill("a hill");
  await seen.go.click();
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  const field = page.getByRole("img", { name: "Field to paint on" });
  await field.scrollIntoViewIfNeeded();
  const box = await field.boundingBox();
  await page.mouse.move(box.x + 40, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 120, box.y + 90, { steps: 5 });
  await page.mouse.up();
  await field.focus();
  await page.keyboard.press("ArrowDown");
  await accessible(page);
  await seen.prompt.fill("a tree");
  await seen.go.click();
  await page.getByRole("link", { name: "Record" }).nth(1).waitFor();
  const form = fake.asked.find((it) => it.path === "/v1/images/edits").body.toString("latin1");
  assert.match(form, /name="prompt"\r\n\r\na tree\r\n/);
  const mask = /name="mask"; filename="mask\.png"\r\nContent-Type: image\/png\r\n\r\n/.exec(form);
  assert.ok(mask, "the mask goes along");
  const png = Buffer.from(form.slice(mask.index + mask[0].length), "latin1");
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [256, 256], "of the picture's size");
  await page.getByRole("button", { name: "Without a picture" }).click();
  await seen.go.click();
  await page.getByRole("link", { name: "Record" }).nth(2).waitFor();
  assert.equal(fake.asked.filter((it) => it.path === "/v1/images/edits").length, 1);
  await seen.done();
});
