// The page that checks pictures, with answers of the service that are given here.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { closeBrowser, file, golden, isSound, isUnharmed, json, KINDS, LOOKS, poisoned, ready, visit } from "./browser.mjs";

after(closeBrowser);

const picker = "input[type=file]";
const answer = ".answer h2";

/** The name of the file that a request carries. */
const nameOf = (route) => /filename="([^"]*)"/.exec(route.request().postDataBuffer().toString("latin1"))?.[1] ?? "";

/** Answers with the golden report that the file is named after. */
async function byName(language) {
  const reports = Object.fromEntries(await Promise.all([...KINDS, "everything"].map(async (kind) => [kind, await golden(kind, language)])));
  return json((route) => reports[nameOf(route).split(".")[0]]);
}

for (const look of LOOKS) {
  test(`every kind of report can be read by everybody (${look.name})`, async () => {
    const language = look.locale.slice(0, 2);
    const { page, end } = await visit("/", { ...look, answers: { "/v1/verify": await byName(language) } });
    await isSound(page, `verify-${look.name}`);
    const kinds = [...KINDS, "everything"];
    await page.setInputFiles(picker, kinds.map((kind) => file(`${kind}.png`)));
    await page.locator(".queue li .sign").nth(kinds.length - 1).waitFor();
    for (const kind of kinds) {
      await page.locator(".queue .pick", { hasText: `${kind}.png` }).click();
      const { verdict } = await golden(kind, language);
      const said = await page.locator(answer).innerText();
      assert.equal(said.slice(0, 20), verdict.headline.slice(0, 20));
      await page.evaluate(() => document.querySelectorAll(".result details").forEach((each) => { each.open = true; }));
      await isSound(page, `report-${kind}-${look.name}`);
    }
    await end();
  });
}

test("nothing that a report says becomes anything but text", async () => {
  const whole = await golden("everything");
  const codes = new Set(["outcome", "action", "finding", "binding", "strength", "class", "says", "grade", "state", "what"]);
  const versions = [poisoned(whole), poisoned(whole, (path) => codes.has(path.at(-1)))];
  for (const report of versions) {
    const { page, end } = await visit("/", { width: 320, height: 700, answers: { "/v1/verify": json(report) } });
    await page.setInputFiles(picker, file(`<img src=x onerror=hacked=1>.png`));
    await page.locator(answer).waitFor();
    await page.evaluate(() => document.querySelectorAll(".result details").forEach((each) => { each.open = true; }));
    await page.locator(".code-block").waitFor();
    await isUnharmed(page);
    await isSound(page, "hostile");
    await end();
  }
});

test("a queue checks two at a time, waits for a busy server, cancels, tries again", async () => {
  let [now, most, refused] = [0, 0, 0];
  const held = [];
  const slow = async (route) => {
    const name = nameOf(route);
    if (name === "busy.png" && refused++ === 0) return json({ type: "/problems/overloaded" }, 503, { "retry-after": "1" })(route);
    if (name === "broken.png" && refused < 100) return json({ type: "/problems/too-large", title: "x", detail: "more than 1 byte", requestId: "r-1" }, 413)(route);
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => held.push(resolve));
    now -= 1;
    return json(await golden("nothing"))(route).catch(() => {});
  };
  const { page, end } = await visit("/", { answers: { "/v1/verify": slow } });
  const free = async (count) => {
    while (held.length < count) await page.waitForTimeout(20);
    held.splice(0).forEach((go) => go());
  };
  await page.setInputFiles(picker, ["1.png", "2.png", "3.png", "4.png"].map((name) => file(name)));
  await page.waitForFunction(() => document.querySelectorAll(".queue .spinner").length === 2);
  assert.equal(await page.locator(".queue .state").filter({ hasText: "waiting" }).count(), 2);
  await page.locator(".queue li", { hasText: "4.png" }).getByRole("button", { name: "Cancel 4.png" }).click();
  await page.locator(".queue li", { hasText: "4.png" }).filter({ hasText: "cancelled" }).waitFor();
  await free(2);
  await free(1);
  await page.getByText("3 pictures checked").waitFor();
  assert.equal(most, 2);
  await page.setInputFiles(picker, [file("busy.png"), file("broken.png")]);
  await page.locator(".queue li", { hasText: "broken.png" }).filter({ hasText: "could not be sent" }).waitFor();
  await page.locator(".queue .pick", { hasText: "broken.png" }).click();
  const told = await page.locator(".result [role=alert]").innerText();
  assert.match(told, /larger than what this server takes[^]*more than 1 byte[^]*r-1/);
  refused = 100;
  await page.locator(".result").getByRole("button", { name: "Try again" }).click();
  await free(2);
  await page.locator(answer).waitFor();
  const all = page.waitForEvent("download");
  await page.getByRole("button", { name: /All reports/ }).click();
  const lines = (await readFile(await (await all).path(), "utf8")).trim().split("\n");
  assert.equal(lines.length, 5);
  assert.ok(lines.every((line) => JSON.parse(line).colophon_report === 3));
  await end();
});

test("pictures come by drop, paste, choice and address", async () => {
  const seen = [];
  const report = await golden("recovered");
  const take = (route, url) => {
    seen.push(url.pathname === "/v1/verify/url" ? [route.request().postDataJSON(), url.search] : [nameOf(route), url.search]);
    return json(url.searchParams.get("include") ? { report, attachments: {} } : report)(route);
  };
  const { page, end } = await visit("/", { answers: { "/v1/verify": take } });
  const give = (kind) => page.evaluate((kind) => {
    const bytes = Uint8Array.from(atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8Dwn4EIAAAqJQIFp2D0YwAAAABJRU5ErkJggg=="), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], `${kind}.png`, { type: "image/png" }));
    const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: data, cancelable: true }) : new DragEvent("drop", { dataTransfer: data, cancelable: true });
    window.dispatchEvent(event);
    return event.defaultPrevented;
  }, kind);
  assert.ok(await give("drop"));
  await page.locator(answer).waitFor();
  assert.ok(await give("paste"));
  const chosen = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose pictures" }).click();
  await (await chosen).setFiles([file("chosen.heic", "image/heic")]);
  await page.getByRole("textbox", { name: "Address of a picture" }).fill("example.org/no");
  await page.getByRole("button", { name: "Check the address" }).click();
  await page.getByText("That is no address").waitFor();
  await page.getByRole("textbox", { name: "Address of a picture" }).fill("https://example.org/a.png");
  await page.keyboard.press("Enter");
  await page.getByText("4 pictures checked").waitFor();
  assert.deepEqual(seen.sort((a, b) => String(a[0]).localeCompare(String(b[0]))), [
    [{ url: "https://example.org/a.png" }, "?lang=en&include=thumbnail"],
    ["chosen.heic", "?lang=en&include=thumbnail"],
    ["drop.png", "?lang=en"],
    ["paste.png", "?lang=en"],
  ]);
  await end();
});

test("the heat map is asked for with a key, laid over the picture, and done without where it is refused", async () => {
  const report = await golden("recovered");
  const plain = structuredClone(report);
  delete plain.evidence.watermark.heat_map;
  const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8Dwn4EIAAAqJQIFp2D0YwAAAABJRU5ErkJggg==";
  const asked = [];
  const take = (route, url) => {
    const includes = url.searchParams.get("include") ?? "";
    const sent = route.request().headers().authorization;
    asked.push([nameOf(route), includes, sent]);
    if (nameOf(route) === "refused.png" && includes) return json({ type: "/problems/forbidden" }, 403)(route);
    const attachments = { "heat-map": { media_type: "image/png", data: pixel } };
    return json(includes ? { report: nameOf(route) === "map.png" ? report : plain, attachments } : plain)(route);
  };
  const { page, end } = await visit("/#key=owner-key", { answers: { "/v1/verify": take } });
  assert.equal(new URL(page.url()).hash, "", "the key is taken out of the address");
  await page.setInputFiles(picker, file("map.png"));
  await page.locator(".seen svg.over").waitFor();
  const slider = page.getByRole("slider");
  const shown = () => page.locator(".over").evaluate((over) => getComputedStyle(over).opacity);
  assert.equal(await shown(), "0.75");
  await slider.focus();
  await page.keyboard.press("Home");
  assert.equal(await shown(), "0");
  await page.setInputFiles(picker, file("overlay.png"));
  await page.locator(".queue li", { hasText: "overlay.png" }).locator(".sign").waitFor();
  await page.locator(".queue .pick", { hasText: "overlay.png" }).click();
  await page.locator(".seen img.over").waitFor();
  await page.setInputFiles(picker, file("refused.png"));
  await page.locator(".queue li", { hasText: "refused.png" }).locator(".sign").waitFor();
  await page.locator(".queue .pick", { hasText: "refused.png" }).click();
  await page.waitForFunction(() => document.querySelector(".over") === null);
  assert.deepEqual(asked.map(([name, includes]) => `${name} ${includes}`), ["map.png heat-map", "overlay.png heat-map", "refused.png heat-map", "refused.png "]);
  assert.ok(asked.every(([, , sent]) => sent === "Bearer owner-key"));
  await end();
});

test("a report can be kept, and a message about it sent", async () => {
  const report = await golden("recovered");
  const posted = [];
  const take = (route) => (route.request().headers().accept.startsWith("text/html") ? route.fulfill({ contentType: "text/html", body: "<p>page" }) : json(report)(route));
  const records = (route, url) => { posted.push(url.pathname); return route.fulfill({ body: "file" }); };
  const feedback = (route) => { posted.push(route.request().postDataJSON()); return json({ id: "f1-2" }, 201)(route); };
  const { page, end } = await visit("/", { answers: { "/v1/verify": take, "/v1/records/": records, "/v1/feedback": feedback } });
  await page.setInputFiles(picker, file("fox.png"));
  await page.locator(answer).waitFor();
  const kept = async (name) => {
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name }).click();
    const done = await download;
    return [done.suggestedFilename(), await readFile(await done.path(), "utf8")];
  };
  const [name, text] = await kept("Report as JSON");
  assert.equal(name, "fox crop.jpg.report.json");
  assert.deepEqual(JSON.parse(text), report);
  assert.deepEqual(await kept("Report as a page"), ["fox crop.jpg.report.html", "<p>page"]);
  assert.deepEqual(await kept("Proof (.tlog-proof)"), ["record-2026h2-12.tlog-proof", "file"]);
  assert.deepEqual(await kept("Recovered manifest"), ["record-2026h2-12.c2pa", "file"]);
  assert.equal(await page.getByRole("link", { name: "Go to its record" }).getAttribute("href"), "/records/2026h2-12");
  await page.getByText("Say how good this check was").click();
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("Write something first.").waitFor();
  await page.getByRole("textbox", { name: "Your message" }).fill(" It was <b>wrong</b>. ");
  await page.getByLabel("What is it about?").selectOption("missed");
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator("code", { hasText: "f1-2" }).waitFor();
  assert.deepEqual(posted, [
    "/v1/records/2026h2-12/proof",
    "/v1/records/c92862b0c1669af8/manifest",
    { kind: "missed", text: "It was <b>wrong</b>.", rule: report.verdict.rule, sha256: report.container.sha256 },
  ]);
  await end();
});

test("what was done before the script came stays", async () => {
  let go = () => {};
  const hold = (route) => new Promise((resolve) => { go = () => resolve(route.continue()); });
  const { page, end } = await visit("/", { early: true, routes: [[/\/js\/app\.js$/, hold]], answers: { "/v1/verify": await byName("en") } });
  const address = page.getByLabel("Address of a picture");
  await address.fill("https://exa");
  await page.keyboard.press("Enter");
  assert.equal(await address.inputValue(), "https://exa", "nothing is sent, nothing is lost");
  await page.getByText("How often the checks err").click();
  await address.focus();
  await address.evaluate((it) => { globalThis.typed = it; it.setSelectionRange(3, 5); });
  go();
  await ready(page);
  assert.deepEqual(await page.evaluate(() => [document.activeElement === globalThis.typed, globalThis.typed.isConnected, globalThis.typed.value, globalThis.typed.selectionStart]), [true, true, "https://exa", 3]);
  await page.getByText("a mark read in a picture without one").waitFor();
  await page.setInputFiles(picker, file("nothing.png"));
  await page.locator(answer).waitFor();
  await end();
});

test("the page is the same when it is come back to", async () => {
  const { page, end } = await visit("/", { answers: { "/v1/verify": await byName("en") } });
  const markup = () => page.locator("main > :not(noscript)").evaluateAll((all) => all.map((each) => each.outerHTML.replaceAll(/ tabindex="-1"/g, "")));
  const first = await markup();
  await page.getByLabel("Address of a picture").fill("nowhere");
  await page.getByRole("button", { name: "Check the address" }).click();
  await page.getByText("That is no address").waitFor();
  await page.getByRole("link", { name: "Status" }).click();
  await page.locator("h1", { hasText: "Status" }).waitFor();
  await page.goBack();
  await page.getByText("Where does this picture come from?").waitFor();
  assert.deepEqual(await markup(), first);
  await isSound(page, "verify-again");
  await page.setInputFiles(picker, file("nothing.png"));
  await page.locator(answer).waitFor();
  await end();
  // Somebody who begins elsewhere gets it from the template at once.
  const other = await visit("/status", { answers: { "/v1/verify": await byName("en") } });
  await other.page.getByRole("link", { name: "Verify" }).click();
  await other.page.getByText("Where does this picture come from?").waitFor();
  assert.deepEqual(await other.page.locator("main > :not(noscript)").evaluateAll((all) => all.map((each) => each.outerHTML.replaceAll(/ tabindex="-1"/g, ""))), first);
  await other.page.setInputFiles(picker, file("nothing.png"));
  await other.page.locator(answer).waitFor();
  await other.end();
});

test("how often the checks err is told before anybody sends a picture", async () => {
  const { page, end } = await visit("/", { width: 390 });
  await page.getByText("How often the checks err").click();
  await page.getByText("a mark read in a picture without one").waitFor();
  assert.match(await page.locator("details[open]").innerText(), /0 \/ 10,000/);
  await isSound(page, "verify-errs");
  await end();
});

test("everything can be done with the keyboard", async () => {
  const { page, end } = await visit("/", { answers: { "/v1/verify": await byName("en") } });
  const focused = () => page.evaluate(() => document.activeElement?.textContent || document.activeElement?.getAttribute("aria-label") || "");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Choose pictures");
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(ring, "solid", "what has the focus is seen");
  const chosen = page.waitForEvent("filechooser");
  await page.keyboard.press("Enter");
  await (await chosen).setFiles([file("recovered.png"), file("nothing.png")]);
  await page.getByText("2 pictures checked").waitFor();
  const until = async (text) => {
    for (let i = 0; i < 40; i += 1) {
      await page.keyboard.press("Tab");
      if ((await focused()).includes(text)) return;
    }
    assert.fail(`the focus never came to "${text}"`);
  };
  await until("nothing.png");
  await page.keyboard.press("Enter");
  await page.locator(answer, { hasText: "Nothing was found" }).waitFor();
  assert.match(await focused(), /nothing\.png/, "the focus stays where it was");
  await until("Technical details");
  await page.keyboard.press("Enter");
  await page.locator("details.fold[open] .code-block").waitFor();
  await end();
});
