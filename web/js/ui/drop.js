// A place to drop pictures on. Pasting and choosing lead to the same end.

import { h } from "../dom.js";

/**
 * @param {object} options
 * @param {(files: File[]) => void} options.taken
 * @param {string} options.name of the file picker
 * @param {boolean} [options.many]
 * @param {AbortSignal} options.signal ends listening for pasted pictures
 * @param {(open: () => void) => import("../dom.js").Children} options.content is given what opens the picker
 */
export function dropZone({ taken, name, many = true, signal, content }) {
  const picker = h("input", { type: "file", hidden: true, accept: "image/*,.heic,.heif,.avif,.jxl", multiple: many, "aria-label": name });
  const zone = h("div", { class: "drop" }, picker, content(() => picker.click()));
  takes(zone, picker, { taken, many, signal });
  return zone;
}

/**
 * Makes a zone and its picker take files.
 * @param {HTMLElement} zone
 * @param {HTMLInputElement} picker
 * @param {{ taken: (files: File[]) => void, many?: boolean, signal: AbortSignal }} options as above
 */
export function takes(zone, picker, { taken, many = true, signal }) {
  picker.addEventListener("change", () => {
    give([...(picker.files ?? [])]);
    picker.value = "";
  });
  /** @param {File[]} files */
  function give(files) {
    const all = many ? files : files.slice(0, 1);
    if (all.length > 0) taken(all);
  }
  let depth = 0;
  /** @param {DragEvent} event */
  const holds = (event) => event.dataTransfer?.types.includes("Files") ?? false;
  const options = { signal };
  // The whole window takes what is dropped: a picture that misses the zone must not replace the page.
  window.addEventListener("dragenter", (event) => { if (holds(event)) { depth += 1; zone.classList.add("over"); } }, options);
  window.addEventListener("dragleave", (event) => { if (holds(event) && --depth <= 0) { depth = 0; zone.classList.remove("over"); } }, options);
  window.addEventListener("dragover", (event) => { if (holds(event)) event.preventDefault(); }, options);
  window.addEventListener("drop", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    depth = 0;
    zone.classList.remove("over");
    give([...(event.dataTransfer?.files ?? [])]);
  }, options);
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    give(files);
  }, options);
}
