// Making elements. Texts only ever become text nodes: nothing from outside is read as markup.

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Child | Child[]} Children */
/**
 * Attributes; `class` as a text, `on` listeners by event, `data` for data-attributes. `true` sets an empty attribute;
 * `false`, null and undefined set none.
 * @typedef {{ class?: string, on?: Record<string, (event: any) => void>, data?: Record<string, string>, [name: string]: unknown }} Attributes
 */

const SVG = "http://www.w3.org/2000/svg";
/** Attributes that a browser takes an address from. */
const ADDRESSES = new Set(["href", "src", "action", "formaction", "poster"]);

/**
 * @param {Element} element
 * @param {Attributes} attributes
 * @param {Children[]} children
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(attributes.on ?? {})) element.addEventListener(event, listener);
    } else if (name === "data") {
      for (const [key, text] of Object.entries(attributes.data ?? {})) element.setAttribute(`data-${key}`, text);
    } else {
      const text = value === true ? "" : String(value);
      if (ADDRESSES.has(name) && !isHarmless(text)) continue;
      element.setAttribute(name, text);
    }
  }
  add(element, ...children);
}

/**
 * Whether an address may stand in a page: of this server, made here, or on the web.
 * @param {string} address
 */
export function isHarmless(address) {
  if (/^(\/(?!\/)|#|\?)/.test(address)) return true;
  try {
    return ["http:", "https:", "blob:"].includes(new URL(address).protocol);
  } catch {
    return false;
  }
}

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...Children} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...Children} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  fill(element, attributes, children);
  return element;
}

/**
 * Appends children; what is empty is left out.
 * @param {Element | DocumentFragment} parent
 * @param {...Children} children
 */
export function add(parent, ...children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Children without a parent of their own.
 * @param {...Children} children
 */
export function some(...children) {
  const fragment = document.createDocumentFragment();
  add(fragment, ...children);
  return fragment;
}

/**
 * Puts other children in place of an element's own.
 * @param {Element} parent
 * @param {...Children} children
 */
export function put(parent, ...children) {
  parent.replaceChildren();
  add(parent, ...children);
}

let ids = 0;
/**
 * An id that no other element of the page has.
 * @param {string} [name]
 */
export function id(name = "it") {
  ids += 1;
  return `${name}-${ids}`;
}

/**
 * A drawing that stands beside words; it says nothing by itself.
 * @param {string} name of a symbol in index.html, without `drawing-`
 */
export function icon(name) {
  return s("svg", { class: "drawing", "aria-hidden": "true" }, s("use", { href: `#drawing-${name}` }));
}

/** @type {Map<string, Promise<void>>} */
const sheets = new Map();
/**
 * Loads a style sheet of `css/` once; resolves when it holds, so that nothing is drawn without it.
 * @param {string} name such as `report`
 */
export function sheet(name) {
  let loaded = sheets.get(name);
  if (!loaded) {
    const { href } = new URL(`../css/${name}.css`, import.meta.url);
    const there = [...document.querySelectorAll("link")].find((link) => link.rel === "stylesheet" && link.href === href);
    const link = there ?? h("link", { rel: "stylesheet", href });
    loaded = new Promise((resolve) => {
      if (there?.sheet) resolve();
      // A page without its sheet is plain but can be read.
      link.addEventListener("load", () => resolve());
      link.addEventListener("error", () => resolve());
    });
    sheets.set(name, loaded);
    if (!there) document.head.append(link);
  }
  return loaded;
}
