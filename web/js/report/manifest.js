// Manifests, attached and recovered: who signed, what they state, and the verdicts on it, each apart.

import { some } from "../dom.js";
import { joined, or, outside, t, time, told } from "../i18n.js";
import { agent, fine, generation, item, licenses, sourceType, weights, words } from "./items.js";

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./items.js").Schemas} Schemas */
/** @typedef {import("../ui/basic.js").Tone} Tone */

/** Ingredients of ingredients that are told, and no more. */
const DEEPEST = 8;

/**
 * The manifest in the file.
 * @param {Schemas["ManifestEvidence"]} it
 */
export function attached(it) {
  return whole(it, it.verdicts === null ? [] : verdicts(it.verdicts));
}

/**
 * A manifest from the ledger, and whether its bindings agree with the picture.
 * @param {Schemas["RecoveredManifest"]} it
 * @returns {Item[]}
 */
export function recovered(it) {
  const first = item(it.agrees ? "good" : "alert", words(it.agrees ? "recovered.agrees" : "recovered.differs"));
  first.inside = it.bindings.map((binding) => item(binding.agrees ? "good" : "alert", words("recovered.binding", { alg: binding.alg, how: outside(binding.how) }), { fine: true }));
  // The sentences would repeat those about a file that nobody has here any more.
  const judged = it.manifest.verdicts === null ? [] : verdicts(it.manifest.verdicts).map((each) => ({ ...each, fine: true }));
  return [first, ...whole(it.manifest, judged)];
}

/**
 * @param {Schemas["ManifestEvidence"]} it
 * @param {Item[]} judged
 * @returns {Item[]}
 */
function whole(it, judged) {
  const items = [];
  if (it.note !== null) items.push(item("caution", outside(it.note)));
  if (it.id !== null) items.push(signedBy(it.signer, it.verdicts));
  if (it.revoked !== null) items.push(item("alert", words("manifest.revoked", { from: time(it.revoked.from), reason: it.revoked.reason ?? "?" })));
  items.push(...judged, ...statements(it), ...ingredients(it.ingredients, DEEPEST));
  if (it.ingredients_note !== null) items.push(item("caution", outside(it.ingredients_note)));
  items.push(...references(it), ...personal(it), ...details(it));
  return items;
}

/**
 * @param {Schemas["SignerEvidence"] | null} signer
 * @param {Schemas["VerdictsEvidence"] | null} verdicts
 */
export function signedBy(signer, verdicts) {
  return item(signerTone(verdicts), words("manifest.signed-by", { who: signerName(signer) }));
}

/**
 * @param {Schemas["SignerEvidence"] | null} it
 * @returns {Node}
 */
function signerName(it) {
  if (it === null) return words("manifest.nobody");
  if (it.organisation !== null && it.common_name !== null) return words("manifest.names", { organisation: it.organisation, name: it.common_name });
  const name = it.organisation ?? it.common_name;
  return name === null ? words("manifest.no-names") : outside(name);
}

/**
 * How far the signer's name can be believed; whether the file was changed since is told apart.
 * @param {Schemas["VerdictsEvidence"] | null} verdicts
 * @returns {Tone}
 */
function signerTone(verdicts) {
  if (verdicts?.signature.state === "valid" && verdicts.trust.list !== null) return "good";
  return ["invalid", "missing"].includes(verdicts?.signature.state ?? "") ? "alert" : "caution";
}

const GOOD = ["intact", "valid", "stamped", "trusted-official", "trusted-local", "good"];
const BAD = ["file-altered", "manifest-altered", "malformed", "invalid", "missing", "bad-stamp", "unacceptable", "failed", "revoked", "revoked-here"];

/**
 * The verdicts, with their codes. Revocation is told only when it is known; else it stands among what was not checked.
 * @param {Schemas["VerdictsEvidence"]} it
 */
function verdicts(it) {
  /** @type {[string, Schemas["VerdictEvidence"]][]} */
  const all = [["integrity", it.integrity], ["signature", it.signature], ["time", it.time], ["trust", it.trust], ["identity", it.identity], ["revocation", it.revocation]];
  return all
    .filter(([name, verdict]) => name !== "revocation" || verdict.state !== "not-checked")
    .map(([name, verdict]) => item(verdictTone(name, verdict.state), words("manifest.verdict", { name: t(`report.verdict-name.${name}`), sentence: told(verdict.sentence) }), { codes: codes(verdict.codes) }));
}

/**
 * @param {string} name
 * @param {string} state
 * @returns {Tone}
 */
function verdictTone(name, state) {
  if (GOOD.includes(state)) return "good";
  if ((name === "time" && state === "unstamped") || (name === "identity" && state === "absent")) return "plain";
  return BAD.includes(state) ? "alert" : "caution";
}

/** @param {Schemas["CodeEvidence"][]} all */
function codes(all) {
  return all.map((it) => ({ id: it.code, sentence: it.sentence, failed: it.failed }));
}

/**
 * What the manifest says, as far as it says anything.
 * @param {Schemas["ManifestEvidence"]} it
 * @returns {Item[]}
 */
function statements(it) {
  const items = said(it.source_types, it.software_agent === null ? [] : [it.software_agent], it.claimed_time);
  const first = it.software_agent;
  const others = it.software_agents.filter((each) => each.name !== first?.name || each.version !== first.version);
  if (others.length > 0) items.push(item("plain", words("manifest.also", { list: joined(others.map(agent)) })));
  if (it.generation !== null) items.push(item("plain", generation(it.generation)), ...licenses(it.generation), ...weights(it.generation));
  if (it.title !== null) items.push(item("plain", words("manifest.title", { title: it.title })));
  if (it.unmarked_reason !== null) items.push(item("plain", words("manifest.unmarked", { reason: it.unmarked_reason })));
  items.push(...it.descriptions.map((text) => item("plain", words("manifest.description", { text }))));
  if (it.ai_parameters.length > 0) items.push(item("plain", words("manifest.parameters"), { fields: it.ai_parameters }));
  return items;
}

/**
 * "says: made by a model by X on T".
 * @param {string[]} sourceTypes
 * @param {Schemas["AgentEvidence"][]} agents
 * @param {string | null} when
 * @returns {Item[]}
 */
export function said(sourceTypes, agents, when) {
  /** @type {Node[]} */
  const parts = [];
  if (sourceTypes.length > 0) parts.push(joined(sourceTypes.map(sourceType)));
  if (agents.length > 0) parts.push(words("manifest.by", { who: joined(agents.map(agent)) }));
  if (when !== null) parts.push(words("manifest.on", { when: time(when) }));
  if (parts.length === 0) return [];
  return [item("plain", words("manifest.says", { what: some(parts.flatMap((part, at) => (at > 0 ? [" ", part] : [part]))) }))];
}

/**
 * The files that the picture was made from, with their own manifests.
 * @param {Schemas["IngredientEvidence"][]} all
 * @param {number} deepest
 * @returns {Item[]}
 */
function ingredients(all, deepest) {
  if (all.length === 0 || deepest === 0) return [];
  const text = words(`parents.${all.length === 1 ? "one" : "other"}`, { n: all.length });
  return [item("plain", text, { inside: all.map((it) => ingredient(it, deepest - 1)) })];
}

/**
 * @param {Schemas["IngredientEvidence"]} it
 * @param {number} deepest
 */
function ingredient(it, deepest) {
  const inside = it.manifest === null ? [] : earlier(it.manifest, deepest);
  return item(ingredientTone(it.state), ingredientLine(it), { codes: codes(it.codes), inside });
}

/**
 * @param {string} state
 * @returns {Tone}
 */
export function ingredientTone(state) {
  return /** @type {Record<string, Tone>} */ ({ "no-manifest": "plain", trusted: "good", problems: "alert" })[state] ?? "caution";
}

/** @param {Schemas["IngredientEvidence"]} it */
export function ingredientLine(it) {
  const title = it.title ?? it.format;
  return words("ingredient.line", {
    relationship: or(`report.relationship.${it.relationship}`, it.relationship),
    title: title === null ? words("ingredient.untitled") : outside(title),
    sentence: outside(it.sentence),
  });
}

/**
 * The manifest of an ingredient.
 * @param {Schemas["NodeEvidence"]} it
 * @param {number} deepest
 * @returns {Item[]}
 */
function earlier(it, deepest) {
  const items = [signedBy(it.signer, it.verdicts), ...said(it.source_types, it.software_agents, null)];
  // What is in order need not be told six times for each file.
  items.push(...verdicts(it.verdicts).map((each) => ({ ...each, fine: each.tone === "good" || each.tone === "plain" })));
  items.push(...ingredients(it.ingredients, deepest));
  if (it.actions.length > 0) items.push(fine("manifest.actions", { list: joined(it.actions.map(outside)) }));
  return items;
}

/**
 * Places on the network that the manifest names.
 * @param {Schemas["ManifestEvidence"]} it
 */
function references(it) {
  if (it.references.length === 0) return [];
  const inside = it.references.map((each) => item("plain", words("manifest.reference", { what: outside(each.what), url: each.url })));
  return [item("plain", words("manifest.references"), { inside })];
}

/**
 * Statements that may tell of a person: their names only, unless the report tells everything.
 * @param {Schemas["ManifestEvidence"]} it
 */
function personal(it) {
  const fields = it.personal.length > 0 ? it.personal : it.personal_assertions.map((name) => ({ name, value: null }));
  return fields.length === 0 ? [] : [item("plain", words("manifest.personal"), { fields })];
}

/**
 * Ids, hashes and versions.
 * @param {Schemas["ManifestEvidence"]} it
 */
function details(it) {
  const items = [];
  if (it.actions.length > 0) items.push(fine("manifest.actions", { list: joined(it.actions.map(outside)) }));
  if (it.assertions.length > 0) items.push(fine("manifest.statements", { list: joined(it.assertions.map(outside)) }));
  const writers = it.claim_generators.length > 0 ? it.claim_generators : it.claim_generator === null ? [] : [it.claim_generator];
  if (writers.length > 0) items.push(fine("manifest.made-by", { who: joined(writers.map(agent)) }));
  if (it.claim_version !== null) items.push(fine("manifest.claim", { version: it.claim_version }));
  if (it.spec_version !== null) items.push(fine("manifest.spec", { version: it.spec_version }));
  if (it.id !== null) items.push(fine("manifest.id", { id: it.id }));
  if (it.ledger_origin !== null) items.push(fine("manifest.log", { origin: it.ledger_origin }));
  items.push(...(it.signer?.chain_sha256 ?? []).map((hash) => fine("manifest.chain", { hash })));
  return items;
}
