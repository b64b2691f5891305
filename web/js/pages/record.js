// One record of the ledger: what it says, what became of it, and its proof, checked here.

import { h, put, sheet, some } from "../dom.js";
import { ask, download, get } from "../api.js";
import { counted, has, number, or, outside, t, time, tx } from "../i18n.js";
import { badge, button, card, fold, hash, head, note, pairs, sign, waiting } from "../ui/basic.js";
import { dropZone } from "../ui/drop.js";
import { timeline } from "../ui/lists.js";
import { fill, problem } from "../ui/problem.js";
import { check } from "../record/check.js";
import { recordApi, recordFile } from "../records.js";
import { sourceType } from "../report/items.js";
import { hex } from "../text.js";

/** @typedef {import("../record/shapes.js").RecordLife} RecordLife */
/** @typedef {import("../record/shapes.js").Facts} Facts */

/** Where the page of the ledger keeps what it remembers of the log. */
const MEMORY = "colophon.log";
/** Largest file that is compared, bytes: it is read into memory. */
const MOST_BYTES = 512 << 20;

/** @param {import("../router.js").Context} context */
export async function open({ params, signal }) {
  await sheet("record");
  const title = t("web.record.title", { id: params.id });
  const place = h("div", { class: "record" }, h("div", { class: "pending" }, waiting(t("web.loading"))));
  void fill(place, () => get(recordApi(params.id), { signal }), (life) => view(life, signal));
  return { title, content: some(head(title), place) };
}

/**
 * @param {RecordLife} life
 * @param {AbortSignal} signal
 */
function view(life, signal) {
  const { facts } = life;
  const picture = facts?.type === "picture";
  const proof = h("div", { class: "stack" });
  void onDevice(proof, life, signal);
  return h(
    "div",
    { class: "stack loose" },
    lead(life),
    findings(life),
    h("div", { class: "beside" }, card(t("web.proof.title"), proof), h("div", { class: "stack" }, story(life), picture && facts.asset_sha256 !== null && compare(facts.asset_sha256, signal))),
    facts !== null && card(t("web.record.facts"), told(facts)),
    files(life),
    alike(life),
  );
}

/** @param {RecordLife} life */
function lead({ facts, proven, erased }) {
  if (facts === null) return h("p", {}, t("web.record.unreadable"));
  const generator = facts.generator === null ? null : outside([facts.generator, facts.generator_version].filter((part) => part !== null).join(" "));
  const values = { when: time(facts.time), who: generator, kind: facts.source_type === null ? null : sourceType(facts.source_type) };
  const sentence = facts.type === "picture" ? tx(generator === null ? "web.record.issued" : "web.record.issued-by", values) : tx("web.record.event", { when: values.when, what: or(`web.event.${facts.type}`, facts.type) });
  return h(
    "div",
    { class: "lead" },
    h("p", { class: "sentence" }, sentence),
    h("p", { class: "row" }, badge(proven ? "good" : "alert", sign(proven ? "good" : "alert"), t(proven ? "web.record.proven" : "web.record.unproven")), erased && badge("caution", t("web.record.erased"))),
  );
}

/** @param {RecordLife} life */
function findings({ findings: all = [], problem: why }) {
  const lines = all.length > 0 ? all : why ? [why] : [];
  return lines.length === 0 ? null : note("alert", h("strong", {}, t("web.record.findings")), h("ul", {}, lines.map((line) => h("li", {}, outside(line)))));
}

/**
 * Checks the proof here and tells what came of it.
 * @param {HTMLElement} place
 * @param {RecordLife} life
 * @param {AbortSignal} signal
 */
async function onDevice(place, life, signal) {
  put(place, waiting(t("web.proof.checking")));
  try {
    const [proof, leaf, shards, ledger] = await Promise.all([
      ask(recordApi(life.id, "proof"), { signal }).then((answer) => answer.text()),
      ask(recordApi(life.id, "leaf"), { signal }).then((answer) => answer.arrayBuffer()),
      ask("/tlog/shards", { signal }).then((answer) => answer.text()),
      get("/v1/ledger", { signal }),
    ]);
    const given = { proof, leaf: new Uint8Array(leaf), shards, key: ledger.verifier_key, facts: life.facts };
    put(place, outcome(await check(given, remembered())));
  } catch (error) {
    if (signal.aborted) return;
    const unreadable = error instanceof Error && has(`web.proof.${error.message}`);
    put(place, unreadable ? note("alert", t(`web.proof.${error.message}`)) : problem(error, () => void onDevice(place, life, signal)));
  }
}

function remembered() {
  try {
    return localStorage.getItem(MEMORY);
  } catch {
    return null;
  }
}

/** @param {import("../record/check.js").Checked} it */
function outcome({ outcome: came, steps, numbers }) {
  const tone = came === "good" ? "good" : came === "bad" ? "alert" : "caution";
  const line = (/** @type {string} */ key, /** @type {string} */ value) => /** @type {[string, Node]} */ ([t(`web.proof.${key}`), hash(value, t(`web.proof.${key}`))]);
  return some(
    h("div", { role: "status" }, note(tone, h("strong", {}, t(`web.proof.outcome-${came}`)))),
    h("ul", { class: "steps" }, steps.map((step) => h("li", {}, sign(step.tone), h("span", {}, t(`web.proof.${step.step}`))))),
    h("p", { class: "gloss" }, t("web.proof.means")),
    fold(
      t("web.proof.numbers"),
      pairs([
        [t("web.proof.origin"), outside(numbers.origin)],
        [t("web.proof.place"), t("web.proof.place-of", { index: number(numbers.index), size: counted("report.records", numbers.size) })],
        line("leaf", numbers.leaf),
        line("root", numbers.root),
        [t("web.proof.path"), numbers.path.length === 0 ? t("web.proof.no-path") : h("ol", { class: "path" }, numbers.path.map((each) => h("li", {}, h("code", {}, each))))],
        line("key-text", numbers.key),
        [t("web.proof.signatures"), number(numbers.signatures)],
      ]),
    ),
  );
}

/** @param {RecordLife} life */
function story({ facts, events = [], witnesses, erased }) {
  if (facts === null) return null;
  const entries = events.map((it) => ({ when: time(it.time), what: some(or(`web.event.${it.event}`, it.event), h("span", { class: "soft" }, " · ", outside(it.record))), more: it.says === "" ? null : outside(it.says), tone: /** @type {const} */ ("plain"), firm: it.proven }));
  const first = { when: time(facts.time), what: some(t(facts.type === "picture" ? "web.record.entered" : "web.record.entered-event")), tone: /** @type {const} */ ("good"), firm: true };
  const seen = (witnesses?.cosigned ?? []).map((it) => ({ when: time(it.at), what: tx("web.record.cosigned", { witness: it.witness }), tone: /** @type {const} */ ("good"), firm: true }));
  const gone = erased ? [h("p", { class: "gloss" }, tx("web.record.erased-why", { when: time(erased.at), reason: or(`report.ledger.erased-reason.${erased.reason}`, erased.reason) }))] : [];
  return card(t("web.record.life"), timeline([first, ...seen, ...entries]), entries.length === 0 && h("p", { class: "gloss" }, t("web.record.nothing-since")), gone);
}

/**
 * Whether a file of the reader's is the one that was issued, found out here.
 * @param {string} issued SHA-256
 * @param {AbortSignal} signal
 */
function compare(issued, signal) {
  const place = h("div", { role: "status" });
  if (!globalThis.crypto?.subtle) return card(t("web.compare.title"), h("p", {}, t("web.compare.no-crypto")));
  const taken = async (/** @type {File[]} */ [file]) => {
    if (file.size > MOST_BYTES) {
      put(place, note("caution", t("web.compare.too-large")));
      return;
    }
    put(place, waiting(t("web.proof.checking")));
    const found = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer())));
    const equal = found === issued;
    put(place, note(equal ? "good" : "caution", h("strong", {}, tx(equal ? "web.compare.same" : "web.compare.other", { file: file.name })), !equal && h("p", {}, t("web.compare.other-more"), " ", h("a", { href: "/" }, t("web.compare.verify"))), hash(found, "SHA-256")));
  };
  const zone = dropZone({ taken: (files) => void taken(files), name: t("web.compare.choose"), many: false, signal, content: (open) => h("div", { class: "compare" }, h("p", {}, t("web.compare.why")), button(t("web.compare.choose"), { on: { click: open } })) });
  return card(t("web.compare.title"), zone, place);
}

/** @param {Facts} facts */
function told(facts) {
  const name = (/** @type {string} */ key) => t(`web.record-fact.${key}`);
  const sha = (/** @type {string | null} */ value, /** @type {string} */ key) => value !== null && hash(value, name(key));
  const guidance = facts.guidance_thousandths === null ? null : number(facts.guidance_thousandths / 1000, 1);
  const shown = (/** @type {string | null} */ value) => value !== null && outside(value);
  return pairs([
    [name("time"), time(facts.time)],
    [name("kind"), facts.kind !== null && or(`web.record-fact.kind-${facts.kind}`, facts.kind)],
    [name("event"), shown(facts.event)],
    [name("generator"), facts.generator !== null && outside([facts.generator, facts.generator_version].filter((part) => part !== null).join(" "))],
    [name("source-type"), facts.source_type !== null && sourceType(facts.source_type)],
    [name("model"), shown(facts.model)],
    [name("backend"), facts.backend !== null && or(`web.record-fact.backend-${facts.backend}`, facts.backend)],
    [name("license"), shown(facts.license)],
    [name("seeds"), shown(facts.seeds)],
    [name("steps"), facts.steps !== null && number(facts.steps)],
    [name("sampler"), shown(facts.sampler)],
    [name("guidance"), guidance],
    [name("size"), facts.width !== null && t("report.file.pixels", { width: String(facts.width), height: String(facts.height) })],
    [name("marked"), facts.marked !== null && t(facts.marked ? "web.record-fact.marked-yes" : "web.record-fact.marked-no")],
    [name("asset"), sha(facts.asset_sha256, "asset")],
    [name("manifest-id"), facts.manifest_id !== null && hash(facts.manifest_id, name("manifest-id"))],
    [name("manifest"), sha(facts.manifest_sha256, "manifest")],
    [name("weights"), facts.weights !== null && facts.weights.split("; ").map((each) => h("div", {}, hash(each, name("weights"))))],
    [name("signer"), sha(facts.signer_key_id, "signer")],
    [name("policy"), sha(facts.policy_sha256, "policy")],
    [name("log"), outside(facts.log)],
  ]);
}

/** @param {RecordLife} life */
function files(life) {
  const place = h("div", { "aria-live": "polite" });
  const save = (/** @type {"proof" | "leaf" | "receipt" | "bundle" | "manifest"} */ file, /** @type {string} */ ending) => {
    const path = life.links?.[file] ?? recordApi(life.id, file);
    const pressed = button(t(`web.files.${file}`), { drawing: "download" });
    pressed.addEventListener("click", async () => {
      put(place);
      try {
        await download(path, recordFile(life.id, ending));
      } catch (error) {
        put(place, problem(error));
      }
    });
    return h("li", {}, pressed, h("p", { class: "gloss" }, t(`web.files.${file}-why`)));
  };
  const picture = life.facts?.type === "picture";
  return card(
    t("web.files.title"),
    h("ul", { class: "files" }, picture && save("bundle", "zip"), save("proof", "tlog-proof"), save("leaf", "cbor"), save("receipt", "cose"), life.links?.manifest && save("manifest", "c2pa")),
    place,
  );
}

/** @param {RecordLife} life */
function alike({ alike: all = [] }) {
  if (all.length === 0) return null;
  const lines = all.map((it) => h("li", {}, h("a", { href: `/records/${it.record.replace("/", "-")}` }, outside(it.record)), " ", h("span", { class: "soft" }, t("web.record.distance", { n: number(it.distance) }))));
  return card(t("web.record.alike"), h("p", { class: "gloss" }, t("web.gloss.likeness")), h("ul", {}, lines));
}
