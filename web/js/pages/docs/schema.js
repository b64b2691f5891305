// A JSON schema in words and tables.

import { h } from "../../dom.js";
import { outside, t } from "../../i18n.js";
import { prose } from "./prose.js";

/** @typedef {import("./shapes.js").Schema} Schema */
/** @typedef {import("./shapes.js").Document} Document */

/** Schemas inside of each other that are unfolded; what is deeper is named only. */
const DEEP = 4;

/**
 * The schema that is meant, and its name if it has one.
 * @param {Schema | undefined} schema
 * @param {Document} document
 * @returns {{ schema: Schema, name: string | null }}
 */
export function resolve(schema, document) {
  /** @type {string | null} */
  let name = null;
  let found = schema ?? {};
  // A chain of references that leads nowhere ends here too.
  for (let steps = 0; found.$ref !== undefined && steps < 10; steps += 1) {
    name = found.$ref.split("/").pop() ?? null;
    found = document.components?.schemas?.[name ?? ""] ?? {};
  }
  return { schema: found, name };
}

/**
 * What kind of value it is, in a few words.
 * @param {Schema | undefined} schema
 * @param {Document} document
 * @returns {string}
 */
export function kind(schema, document) {
  const { schema: it, name } = resolve(schema, document);
  const types = [it.type ?? []].flat();
  const none = types.includes("null");
  const some = [...(it.oneOf ?? []), ...(it.anyOf ?? [])];
  const or = (/** @type {string} */ text) => (none && !text.endsWith("null") ? `${text} | null` : text);
  if (it.const !== undefined) return JSON.stringify(it.const);
  if (it.enum) return it.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (some.length > 0) return [...new Set(some.map((each) => kind(each, document)))].join(" | ");
  if (types.includes("array")) return or(`${kind(it.items, document)}[]`);
  if (name !== null) return name;
  const type = types.find((each) => each !== "null") ?? (it.properties || it.allOf ? "object" : none ? "null" : "any");
  return or(it.format ? `${type} (${it.format})` : type);
}

/**
 * Fields of an object, one below the other; objects in it fold.
 * @param {Schema | undefined} schema
 * @param {Document} document
 * @param {number} [depth]
 * @returns {HTMLElement | null} `null` when there is nothing to unfold
 */
export function fields(schema, document, depth = 0) {
  const it = merged(resolve(schema, document).schema, document);
  if (it.items) return fields(it.items, document, depth);
  const some = [...(it.oneOf ?? []), ...(it.anyOf ?? [])].map((each) => fields(each, document, depth)).filter((each) => each !== null);
  if (some.length > 0 && !it.properties) return some.length === 1 ? some[0] : h("div", { class: "stack" }, some);
  const all = Object.entries(it.properties ?? {});
  if (all.length === 0 || depth >= DEEP) return null;
  return h(
    "dl",
    { class: "schema" },
    all.flatMap(([name, field]) => {
      const inside = fields(field, document, depth + 1);
      const told = field.description ?? resolve(field, document).schema.description;
      return [
        h("dt", {}, h("code", {}, outside(name)), it.required?.includes(name) && h("span", { class: "required", title: t("web.docs.required") }, t("web.docs.required")), h("span", { class: "kind" }, outside(kind(field, document)))),
        h("dd", {}, told !== undefined && prose(told), bounds(field), inside !== null && h("details", {}, h("summary", { class: "small" }, t("web.docs.fields")), inside)),
      ];
    }),
  );
}

/**
 * With the parts of `allOf` put together.
 * @param {Schema} schema
 * @param {Document} document
 * @returns {Schema}
 */
function merged(schema, document) {
  const parts = (schema.allOf ?? []).map((part) => merged(resolve(part, document).schema, document));
  return parts.reduce((all, part) => ({ ...all, properties: { ...part.properties, ...all.properties }, required: [...(all.required ?? []), ...(part.required ?? [])] }), schema);
}

/** @param {Schema} schema */
export function bounds(schema) {
  const told = [
    schema.default !== undefined && schema.default !== null && [t("web.docs.default"), JSON.stringify(schema.default)],
    schema.minimum !== undefined && [t("web.docs.least"), schema.minimum],
    schema.maximum !== undefined && [t("web.docs.most"), schema.maximum],
    schema.maxLength !== undefined && [t("web.docs.longest"), schema.maxLength],
    schema.example !== undefined && [t("web.docs.example"), JSON.stringify(schema.example)],
  ].filter((each) => each !== false);
  return told.length > 0 && h("p", { class: "small soft" }, told.map(([name, value], at) => [at > 0 && ", ", `${name} `, h("code", {}, outside(value))]).flat());
}

/**
 * A value of this shape, for an example.
 * @param {Schema | undefined} schema
 * @param {Document} document
 * @param {number} [depth]
 * @returns {unknown}
 */
export function sample(schema, document, depth = 0) {
  const it = merged(resolve(schema, document).schema, document);
  if (it.example !== undefined) return it.example;
  if (it.examples?.[0] !== undefined) return it.examples[0];
  if (it.const !== undefined) return it.const;
  if (it.enum) return it.enum[0];
  if (it.default !== undefined && it.default !== null) return it.default;
  const one = it.oneOf ?? it.anyOf;
  if (one) return sample(one.find((each) => each.type !== "null"), document, depth + 1);
  const type = [it.type ?? []].flat().find((each) => each !== "null");
  if (it.properties && depth < DEEP) {
    // Only what is asked for: an example is to be short.
    const wanted = Object.entries(it.properties).filter(([name]) => it.required?.includes(name));
    return Object.fromEntries(wanted.map(([name, field]) => [name, sample(field, document, depth + 1)]));
  }
  if (type === "array") return depth < DEEP && it.items ? [sample(it.items, document, depth + 1)] : [];
  if (type === "integer" || type === "number") return it.minimum ?? 1;
  if (type === "boolean") return true;
  return type === "string" ? "text" : {};
}
