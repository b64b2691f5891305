// One address with one method.

import { h } from "../../dom.js";
import { has, outside, t } from "../../i18n.js";
import { code } from "../../ui/basic.js";
import { prose } from "./prose.js";
import { bounds, fields, kind, resolve, sample } from "./schema.js";

/** @typedef {import("./shapes.js").Document} Document */
/** @typedef {import("./shapes.js").Operation} Operation */
/** @typedef {import("./shapes.js").Content} Content */

/**
 * @param {{ method: string, path: string, operation: Operation }} it
 * @param {Document} document
 */
export function operation({ method, path, operation: it }, document) {
  const inside = h("div", { class: "inside stack" });
  const box = h(
    "details",
    { class: "fold operation" },
    h("summary", {}, h("span", { class: "method", data: { method } }, method.toUpperCase()), h("code", {}, outside(path)), h("span", { class: "soft summary" }, outside(it.summary ?? ""))),
    inside,
  );
  // Most are never opened, and a document has some hundred.
  box.addEventListener("toggle", () => {
    if (inside.hasChildNodes()) return;
    inside.append(...[it.description !== undefined && prose(it.description), parameters(it, document), body(it, document), example(method, path, it, document), answers(it, document)].filter((part) => part instanceof Node));
  });
  return box;
}

/**
 * @param {string} title
 * @param {...import("../../dom.js").Children} children
 */
function part(title, ...children) {
  return h("section", { class: "stack tight" }, h("h3", {}, title), ...children);
}

/**
 * @param {Operation} it
 * @param {Document} document
 */
function parameters({ parameters: all = [] }, document) {
  if (all.length === 0) return null;
  return part(
    t("web.docs.parameters"),
    h(
      "dl",
      { class: "schema" },
      all.flatMap((each) => [
        h(
          "dt",
          {},
          h("code", {}, outside(each.name)),
          each.required && h("span", { class: "required" }, t("web.docs.required")),
          h("span", { class: "kind" }, outside(kind(each.schema, document))),
          h("span", { class: "kind" }, has(`web.docs.in-${each.in}`) ? t(`web.docs.in-${each.in}`) : outside(each.in)),
        ),
        h("dd", {}, each.description !== undefined && prose(each.description), bounds(resolve(each.schema, document).schema)),
      ]),
    ),
  );
}

/**
 * @param {Content | undefined} content
 * @param {Document} document
 */
function shapes(content, document) {
  return Object.entries(content ?? {}).map(([type, { schema }]) =>
    h("div", { class: "stack tight" }, h("p", {}, h("code", {}, outside(type)), schema !== undefined && [" ", h("span", { class: "kind" }, outside(kind(schema, document)))]), schema !== undefined && fields(schema, document)),
  );
}

/**
 * @param {Operation} it
 * @param {Document} document
 */
function body({ requestBody: it }, document) {
  if (!it) return null;
  return part(t("web.docs.body"), it.description !== undefined && prose(it.description), shapes(it.content, document));
}

/**
 * @param {Operation} it
 * @param {Document} document
 */
function answers({ responses = {} }, document) {
  const all = Object.entries(responses);
  if (all.length === 0) return null;
  return part(
    t("web.docs.answers"),
    all.map(([status, answer]) => {
      const told = h("span", {}, h("code", {}, outside(status)), " ", outside(answer.description ?? ""));
      const inside = shapes(answer.content, document);
      return inside.length === 0 ? h("p", {}, told) : h("details", {}, h("summary", {}, told), h("div", { class: "stack nested" }, inside));
    }),
  );
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Operation} it
 * @param {Document} document
 */
function example(method, path, it, document) {
  return part(t("web.docs.try"), code(curl(method, path, it, document), t("web.docs.command", { what: `${method.toUpperCase()} ${path}` })));
}

/**
 * A command that asks.
 * @param {string} method
 * @param {string} path
 * @param {Operation} it
 * @param {Document} document
 */
export function curl(method, path, it, document) {
  const content = it.requestBody?.content ?? {};
  const types = Object.keys(content);
  const json = types.find((type) => /[/+]json$/.test(type));
  const form = types.find((type) => type === "multipart/form-data");
  const required = (it.parameters ?? []).filter((each) => each.in === "query" && each.required).map((each) => `${each.name}=${encodeURIComponent(String(sample(each.schema, document)))}`);
  const address = `${location.origin}${path}${required.length > 0 ? `?${required.join("&")}` : ""}`;
  const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}'${address}'`];
  if (needsKey(it)) lines.push(`-H "authorization: Bearer $COLOPHON_KEY"`);
  if (json) lines.push("-H 'content-type: application/json'", `-d '${JSON.stringify(sample(content[json].schema, document)).replaceAll("'", "'\\''")}'`);
  else if (form) lines.push("-F image=@picture.jpg");
  else if (types.length > 0) lines.push(`-H 'content-type: ${types[0].includes("*") ? "image/jpeg" : types[0]}'`, "--data-binary @picture.jpg");
  return lines.join(" \\\n  ");
}

/** @param {Operation} it */
function needsKey(it) {
  return (it.security ?? [{ key: [] }]).some((way) => Object.keys(way).length > 0);
}
