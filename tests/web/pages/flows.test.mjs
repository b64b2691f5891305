// What people do on the pages of the ledger, of policies and of the API.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";

import { Log } from "../fake/log.mjs";
import { accessible, closeBrowser, visit } from "./harness.mjs";

after(closeBrowser);

test("records are filtered, paged and opened, and the address keeps the filter", async () => {
  const seen = await visit();
  const { page, fake } = seen;
  await seen.open("/ledger");
  const rows = page.getByRole("tabpanel").first().getByRole("row");
  await rows.nth(50).waitFor();
  assert.equal(await rows.count(), 51);
  assert.match(await rows.nth(1).innerText(), /2026h2\/652/, "the newest first");
  await page.getByRole("button", { name: "Show more" }).click();
  await rows.nth(51).waitFor();
  assert.equal(await rows.count(), 101);
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ""), /2026h2\/602/, "the keyboard goes on with the first new row");

  await page.getByLabel("Model or program").fill("SDXL Turbo");
  await page.getByLabel("From day").fill("2026-11-20");
  await page.keyboard.press("Enter");
  await page.getByText(/that is all/).waitFor();
  const asked = fake.asked.filter((it) => it.path === "/v1/records").at(-1);
  assert.deepEqual([asked.query.get("model"), asked.query.get("since")], ["SDXL Turbo", "2026-11-20"]);
  assert.match(page.url(), /model=SDXL\+Turbo/);
  await page.reload();
  await page.getByText(/that is all/).waitFor();
  assert.equal(await page.getByLabel("Model or program").inputValue(), "SDXL Turbo");

  await page.getByRole("tab", { name: "Export" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Parquet" }).click()]);
  assert.equal(download.suggestedFilename(), "ledger-parquet.zip");
  const exported = fake.asked.filter((it) => it.path === "/v1/exports").at(-1);
  assert.deepEqual([exported.query.get("format"), exported.query.get("model")], ["parquet", "SDXL Turbo"]);

  await page.getByRole("tab", { name: "Pictures" }).click();
  const place = await rows.nth(1).getByRole("link").getAttribute("href");
  assert.match(place, /^\/records\/2026h2-\d+$/);
  await page.getByLabel("Model or program").fill("no such model");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByText("No record fits these conditions.").waitFor();
  await seen.done();
});

test("the tabs are moved through by keyboard", async () => {
  const seen = await visit();
  await seen.open("/ledger");
  await seen.page.getByRole("tab", { name: "Pictures" }).focus();
  await seen.page.keyboard.press("ArrowRight");
  await seen.page.getByText("A key came into use").first().waitFor();
  await seen.page.keyboard.press("End");
  assert.equal(await seen.page.getByRole("tab", { name: "Export" }).getAttribute("aria-selected"), "true");
  await seen.done();
});

test("the browser remembers the log, sees it grow, and raises an alarm when it was rewritten", async () => {
  const seen = await visit();
  const { page, fake } = seen;
  await seen.open("/ledger");
  await page.getByText("This browser sees the log for the first time.").waitFor();
  await page.reload();
  await page.getByText("nothing was added since").waitFor();
  for (let i = 0; i < 30; i++) fake.world.log.append(`more ${i}`);
  await page.reload();
  await page.getByText("30 entries came since").waitFor();
  await page.getByText("How this was checked").click();
  await page.getByText(/tree of 683 entries begins with the tree of then/).waitFor();

  const honest = fake.world.log.leaves;
  fake.world.log.leaves = honest.with(41, Log.prototype.root.call({ leaves: [Buffer.alloc(32)] }, 0, 1));
  fake.world.log.append("after");
  await page.reload();
  const alarm = page.getByRole("alert");
  await alarm.getByText("This log is not the one that you saw before.").waitFor();
  await alarm.getByText(/Entries among the first 683 were changed/).waitFor();
  await accessible(page);
  const [download] = await Promise.all([page.waitForEvent("download"), alarm.getByRole("button", { name: "Save the evidence" }).click()]);
  assert.match(await readFile(await download.path(), "utf8"), /^colophon-fork\/v1\n/);
  await page.reload();
  await alarm.getByText("This log is not the one that you saw before.").waitFor();

  await alarm.getByRole("button", { name: "Forget what was seen" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await alarm.getByRole("button", { name: "Forget what was seen" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Forget it" }).click();
  await page.getByText("This browser sees the log for the first time.").waitFor();
  await seen.done();
});

test("tiles that cannot be fetched are told as unchecked, not as an alarm", async () => {
  const seen = await visit({ quiet: /503/ });
  await seen.open("/ledger");
  await seen.page.getByText("This browser sees the log for the first time.").waitFor();
  seen.fake.fail(/^\/tlog\//, 503, { code: "overloaded" });
  await seen.page.reload();
  await seen.page.getByText("could not be checked").waitFor();
  assert.equal(await seen.page.getByText("not the one that you saw").count(), 0);
  seen.fake.heal();
  await seen.page.getByRole("button", { name: "Try again" }).click();
  await seen.page.getByText("nothing was added since").waitFor();
  await seen.done();
});

test("numbers are drawn, and told as a table too", async () => {
  const seen = await visit();
  await seen.open("/ledger");
  await seen.page.getByRole("tab", { name: "Numbers" }).click();
  const drawing = seen.page.getByRole("img", { name: /Pictures issued a week: columns from 2026-07-27 to 2026-11-23/ });
  await drawing.waitFor();
  assert.equal(await drawing.locator(".column").count(), 18);
  await seen.page.getByText("The numbers as a table").click();
  assert.equal(await seen.page.getByRole("table", { name: "Pictures issued a week" }).getByRole("row").count(), 19);
  await seen.page.getByRole("link", { name: "recovered" }).click();
  await seen.page.getByRole("heading", { name: "Policy" }).waitFor();
  await seen.page.locator(".rule.chosen").getByText("recovered", { exact: true }).waitFor();
  await seen.done();
});

test("the policy is read, searched and tried", async () => {
  const seen = await visit();
  const { page } = seen;
  await seen.open("/policy");
  await page.getByText("the prompt asks for something that is not made here", { exact: true }).waitFor();
  const rule = page.locator("#policy-no-severe-prompt");
  await rule.getByText("As it is written").click();
  await rule.getByText("context.prompt.severe.isEmpty()").waitFor();
  await page.getByRole("tab", { name: "Verdicts" }).click();
  await page.getByLabel("Search the rules").fill("camera");
  const shown = await page.locator(".rule:visible").count();
  assert.ok(shown > 0 && shown < 20, String(shown));
  await page.getByLabel("Search the rules").fill("");
  for (const signal of await page.locator(".fields select").all()) await signal.selectOption({ index: 0 });
  const decides = page.getByRole("status").filter({ hasText: "This rule decides:" });
  await decides.getByText("mark-of-another-picture").waitFor();
  await page.getByRole("combobox", { name: "Picture against record" }).selectOption("same");
  await decides.getByText("mark-of-another-picture").waitFor({ state: "detached" });
  await page.getByRole("tab", { name: "Files" }).click();
  await page.getByText("lexicon/en.toml").click();
  await page.getByText("Not published").first().waitFor();
  await seen.done();
});

test("keys tell their expiry and what became of them", async () => {
  const seen = await visit();
  await seen.open("/keys");
  await seen.page.getByText("Former keys (2)").click();
  await seen.page.getByText("key-compromise").waitFor();
  await seen.page.getByText("Signer of manifests: was revoked").waitFor();
  assert.ok((await seen.page.getByText("expired").count()) > 0);
  await seen.done();
});

test("the status follows the service", async () => {
  const seen = await visit();
  await seen.page.clock.install();
  await seen.open("/status");
  await seen.page.getByText("The service is ready.").waitFor();
  seen.fake.failing = ["disk"];
  await seen.page.clock.runFor(11_000);
  await seen.page.getByText("The service is not ready.").waitFor();
  await seen.page.getByText("room on the disk: failing").waitFor();
  await seen.done();
});

test("the API is found, unfolded, and its examples can be pasted", async () => {
  const seen = await visit();
  const { page, fake } = seen;
  await seen.open("/docs");
  await page.getByLabel("Search").fill("generations");
  await page.getByText("1 address", { exact: true }).waitFor();
  await page.getByText("/v1/images/generations").click();
  await page.getByText("What the picture shows.").waitFor();
  const command = await page.getByRole("region", { name: "Command" }).innerText();
  assert.equal(command.trim(), `curl -X POST '${fake.url}/v1/images/generations' \\\n  -H "authorization: Bearer $COLOPHON_KEY" \\\n  -H 'content-type: application/json' \\\n  -d '{"prompt":"a red fox'\\''s den"}'`);
  await page.getByLabel("Search").fill("verify");
  await page.getByText("/v1/verify").click();
  assert.doesNotMatch(await page.getByRole("region", { name: "Command" }).last().innerText(), /authorization/, "open to all");
  await accessible(page);
  await seen.done();
});
