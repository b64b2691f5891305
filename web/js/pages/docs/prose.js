// Descriptions: paragraphs, lists, `code` and links as doc comments write them; all else stays text.

import { h } from "../../dom.js";
import { outside } from "../../i18n.js";

/** @param {string} text */
export function prose(text) {
  const blocks = text.trim().split(/\n\s*\n/);
  return h("div", { class: "prose" }, blocks.map(block));
}

/** @param {string} text */
function block(text) {
  const lines = text.split("\n");
  if (lines.every((line) => /^\s*[-*] /.test(line) || /^\s{2,}\S/.test(line)) && /^\s*[-*] /.test(lines[0])) {
    const items = text.split(/\n(?=\s*[-*] )/).map((item) => item.replace(/^\s*[-*] /, ""));
    return h("ul", {}, items.map((item) => h("li", {}, inline(item))));
  }
  return h("p", {}, inline(text.replace(/^#+ /, "")));
}

/** @param {string} text */
function inline(text) {
  return text.split(/(`[^`]+`|\[[^\]]+\](?:\([^)\s]+\))?)/).map((part) => {
    if (part.startsWith("`")) return h("code", {}, outside(part.slice(1, -1)));
    const link = /^\[([^\]]+)\](?:\(([^)\s]+)\))?$/.exec(part);
    if (!link) return outside(part);
    const name = link[1].replace(/`/g, "");
    return link[2] && /^https?:|^\//.test(link[2]) ? h("a", { href: link[2] }, outside(name)) : h("code", {}, outside(name));
  });
}
