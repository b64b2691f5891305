// Makes the types of the page from what describes the service, or says how those that are kept differ.
//   node types.mjs FOLDER [OPENAPI.json] [--write]
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const HEAD = "// Made by tests/web/types.mjs; do not edit.\n\n";
const root = new URL("../../", import.meta.url);

/** The report's own schema (JSON Schema) as the only schemas of an OpenAPI document. */
async function report() {
  const text = await readFile(new URL("docs/report.schema.json", root), "utf8");
  const { $defs, ...whole } = JSON.parse(text.replaceAll("#/$defs/", "#/components/schemas/"));
  delete whole.$schema;
  const schemas = { ...$defs, Report: whole };
  const document = { openapi: "3.1.0", info: { title: "report", version: "3" }, paths: {}, components: { schemas } };
  const types = astToString(await openapiTS(document));
  return `${HEAD}${types}\nexport type Schemas = components["schemas"];\nexport type Report = Schemas["Report"];\n`;
}

/** @param {string} path of the service's document */
async function api(path) {
  const types = astToString(await openapiTS(JSON.parse(await readFile(path, "utf8"))));
  return `${HEAD}${types}\nexport type Api = components["schemas"];\n`;
}

const [folder, ...rest] = process.argv.slice(2);
const write = rest.includes("--write");
const document = rest.find((argument) => !argument.startsWith("--"));
const all = [["report.d.ts", await report()]];
if (document !== undefined) all.push(["api.d.ts", await api(document)]);
let stale = false;
for (const [name, text] of all) {
  const path = `${folder}/${name}`;
  if (write) await writeFile(path, text);
  else if ((await readFile(path, "utf8").catch(() => "")) !== text) {
    stale = true;
    console.error(`${path} is not what the service describes; run node tests/web/types.mjs with --write`);
  }
}
process.exitCode = stale ? 1 : 0;
