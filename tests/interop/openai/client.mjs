// Asks a service for pictures with the official client: client.mjs BASE_URL KEY FOLDER.
//
// FOLDER holds `photo.png` and `mask.png`; pictures are written into it. Prints one line of JSON a step. Exits with 3 when
// the client is not installed; `COLOPHON_NODE_MODULES` names the folder that it is in.

import { createReadStream, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [baseURL, apiKey, folder] = process.argv.slice(2);

let OpenAI;
try {
  const modules = process.env.COLOPHON_NODE_MODULES;
  OpenAI = createRequire(modules ? path.join(modules, "x.js") : import.meta.url)("openai");
} catch {
  process.exit(3);
}

const step = (name, ok, more = {}) => console.log(JSON.stringify({ step: name, ok: Boolean(ok), ...more }));

function keep(name, base64) {
  writeFileSync(path.join(folder, name), Buffer.from(base64, "base64"));
  return name;
}

/** The error of exactly this kind that an action throws. */
async function refusal(kind, action) {
  try {
    await action();
  } catch (error) {
    return error.constructor === kind ? error : null;
  }
  return null;
}

const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 300_000 });

const models = [];
for await (const model of client.models.list()) models.push(model.id);
step("models", models.includes("tiny") && models.length >= 2, { models });

const two = await client.images.generate({ prompt: "a red fox in the snow", n: 2, size: "512x512", quality: "low" });
const files = two.data.map((item, at) => keep(`js-${at}.png`, item.b64_json));
step("b64_json", files.length === 2 && two.output_format === "png", { files });

const linked = await client.images.generate({ prompt: "a blue cup", response_format: "url", output_format: "jpeg", colophon: { seed: 9 } });
const fetched = await fetch(linked.data[0].url);
const bytes = Buffer.from(await fetched.arrayBuffer()).toString("base64");
step("url", fetched.headers.get("content-type") === "image/jpeg" && linked.data[0].colophon.generation.seed === 9, { files: [keep("js-url.jpg", bytes)] });

const partial = [];
const last = [];
const events = await client.images.generate({ prompt: "a yellow house", size: "512x512", stream: true, partial_images: 2 });
for await (const event of events) {
  if (event.type === "image_generation.partial_image") partial.push(event.partial_image_index);
  if (event.type === "image_generation.completed") last.push(keep("js-stream.png", event.b64_json));
}
step("stream", partial.join() === "0,1" && last.length === 1, { files: last, partial });

const edited = await client.images.edit({
  image: [createReadStream(path.join(folder, "photo.png"))],
  mask: createReadStream(path.join(folder, "mask.png")),
  prompt: "a red fox in the snow",
  model: "tiny",
  colophon: { seed: 7, steps: 2 },
});
step("edit", edited.data.length === 1, { files: [keep("js-edit.png", edited.data[0].b64_json)] });

const ask = (more) => () => client.images.generate({ prompt: "a fox", ...more });
let error = await refusal(OpenAI.BadRequestError, ask({ size: "large" }));
step("bad size", error?.param === "size" && error?.code === "invalid_value", { error: String(error) });
error = await refusal(OpenAI.NotFoundError, ask({ model: "dall-e-3" }));
step("bad model", error?.code === "model_not_found", { error: String(error) });
error = await refusal(OpenAI.PermissionDeniedError, ask({ colophon: { allow_unmarked: true } }));
step("not allowed", error?.code === "policy_refused", { error: String(error) });
const stranger = client.withOptions({ apiKey: "clp_nobody" });
error = await refusal(OpenAI.AuthenticationError, () => stranger.images.generate({ prompt: "a fox" }));
step("bad key", error?.code === "invalid_api_key", { error: String(error) });
