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
 * Small drawings, by name: a path each, on a field of 24 by 24.
 * @type {Record<string, string>}
 */
const DRAWINGS = {
  upload: "M12 16V4m0 0L7 9m5-5 5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3",
  download: "M12 4v12m0 0 5-5m-5 5-5-5M4 18v1a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-1",
  copy: "M9 9h10v11H9zM5 15V4h10",
  check: "m5 12.5 4.5 4.5L19 7",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  key: "M8 12.5a4 4 0 1 0 0 5 4 4 0 0 0 .8-2.5 4 4 0 0 0-.8-2.5zm.4.1L19 4m-3.2 2.6 2.4 2.6M13 9l2 2.1",
  sun: "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.4m11.2 11.2L19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  link: "M10 14a4 4 0 0 0 5.7 0l3.6-3.6a4 4 0 0 0-5.7-5.7L12.5 6M14 10a4 4 0 0 0-5.7 0l-3.6 3.6a4 4 0 0 0 5.7 5.7l1.1-1.2",
  picture: "M4 5h16v14H4zm0 11 5-5 4 4 3-3 4 4M15.5 9.5h.01",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zm5 12 4.5 4.5",
};

/**
 * A drawing that stands beside words; it says nothing by itself.
 * @param {keyof typeof DRAWINGS} name
 */
export function icon(name) {
  return s(
    "svg",
    { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "1.75", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", focusable: "false" },
    s("path", { d: DRAWINGS[name] }),
  );
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
