// The manifests of a picture as a tree: who signed what, and from which files it was made.

import { h } from "../dom.js";
import { outside, t } from "../i18n.js";
import { hash, sign } from "../ui/basic.js";
import { ingredientLine, ingredientTone, said, signedBy } from "./manifest.js";

/** @typedef {import("./items.js").Schemas} Schemas */
/** @typedef {import("./items.js").Report} Report */
/** @typedef {import("../ui/lists.js").Branch} Branch */

/** Deepest level that is drawn. Reports end before it. */
const DEEPEST = 12;

/**
 * @param {Report} report
 * @returns {Branch[]} none for a picture without a manifest
 */
export function chain(report) {
  const { manifest, recovered_manifest: recovered } = report.evidence;
  /** @type {Branch[]} */
  const inside = [];
  if (manifest !== null && manifest.id !== null) inside.push(whole(t("web.chain.attached"), manifest));
  if (recovered !== null) inside.push(whole(t("web.chain.recovered"), recovered.manifest));
  return inside.length === 0 ? [] : [{ label: [h("strong", {}, t("web.chain.file")), outside(report.file)], inside }];
}

/**
 * @param {string} name
 * @param {Schemas["ManifestEvidence"]} it
 * @returns {Branch}
 */
function whole(name, it) {
  const signed = signedBy(it.signer, it.verdicts);
  const statement = said(it.source_types, it.software_agent === null ? [] : [it.software_agent], null);
  return {
    label: [sign(signed.tone), h("span", {}, h("strong", {}, name), " ", signed.text)],
    inside: [...statement.map((each) => ({ label: each.text })), ...certificates(it.signer), ...made(it.ingredients, DEEPEST)],
  };
}

/**
 * @param {Schemas["SignerEvidence"] | null} signer
 * @returns {Branch[]}
 */
function certificates(signer) {
  const all = signer?.chain_sha256 ?? [];
  if (all.length === 0) return [];
  return [{ label: t("web.chain.certificates"), open: false, inside: all.map((each) => ({ label: hash(each, t("web.chain.certificate")) })) }];
}

/**
 * @param {Schemas["IngredientEvidence"][]} all
 * @param {number} deepest
 * @returns {Branch[]}
 */
function made(all, deepest) {
  if (deepest === 0) return [];
  return all.map((it) => {
    /** @type {Branch[]} */
    const inside = [];
    if (it.manifest !== null) {
      inside.push({ label: signedBy(it.manifest.signer, it.manifest.verdicts).text });
      inside.push(...said(it.manifest.source_types, it.manifest.software_agents, null).map((each) => ({ label: each.text })));
      inside.push(...made(it.manifest.ingredients, deepest - 1));
    }
    return { label: [sign(ingredientTone(it.state)), h("span", {}, ingredientLine(it))], inside };
  });
}
