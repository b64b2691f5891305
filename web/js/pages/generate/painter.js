// A picture to start from, and a mask painted over it: what is painted is drawn anew, the rest is kept.

import { h, put } from "../../dom.js";
import { t } from "../../i18n.js";
import { button, fold, note } from "../../ui/basic.js";
import { field } from "../../ui/form.js";

/** Longest side of the field that is painted on, pixels; the mask has the picture's own size. */
const FIELD = 1024;

export function painter() {
  /** @type {Blob | null} */
  let picture = null;
  /** @type {ReturnType<typeof canvas> | null} */
  let field = null;
  const picker = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp", class: "unseen", tabindex: "-1", "aria-label": t("web.edit.choose") });
  picker.addEventListener("change", () => {
    if (picker.files?.[0]) void take(picker.files[0]);
    picker.value = "";
  });
  const place = h("div", { class: "stack" });
  const box = fold(t("web.edit.title"), place);
  empty();

  function empty() {
    picture = null;
    field = null;
    put(place, h("p", { class: "soft" }, t("web.edit.text")), picker, h("div", {}, button(t("web.edit.choose"), { drawing: "picture", on: { click: () => picker.click() } })));
  }

  /** @param {Blob} blob */
  async function take(blob) {
    box.open = true;
    try {
      const bitmap = await createImageBitmap(blob);
      picture = blob;
      field = canvas(bitmap, blob);
      put(place, field.element, h("div", { class: "row" }, button(t("web.edit.clear"), { on: { click: field.clear } }), button(t("web.edit.none"), { class: "quiet", on: { click: empty } })));
    } catch {
      empty();
      place.prepend(note("alert", t("web.edit.unreadable")));
    }
  }

  return {
    element: box,
    take,
    /** @returns {Promise<{ picture: Blob, mask: Blob | null } | null>} */
    source: async () => (picture === null ? null : { picture, mask: (await field?.mask()) ?? null }),
  };
}

/**
 * @param {ImageBitmap} bitmap
 * @param {Blob} blob
 */
function canvas(bitmap, blob) {
  const scale = Math.min(1, FIELD / Math.max(bitmap.width, bitmap.height));
  const size = { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) };
  const picture = h("img", { src: URL.createObjectURL(blob), alt: "" });
  const paint = h("canvas", { ...size, role: "img", "aria-label": t("web.edit.canvas"), tabindex: "0" });
  const pen = /** @type {CanvasRenderingContext2D} */ (paint.getContext("2d"));
  const width = h("input", { type: "range", min: "8", max: "200", value: "60" });
  let painted = false;
  const at = { x: size.width / 2, y: size.height / 2 };

  /** @param {{ x: number, y: number }} to */
  function stroke(to) {
    pen.strokeStyle = "#e5009d";
    pen.lineWidth = Number(width.value);
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(at.x, at.y);
    pen.lineTo(to.x, to.y);
    pen.stroke();
    Object.assign(at, to);
    painted = true;
  }
  /** @param {PointerEvent} event */
  function where(event) {
    const seen = paint.getBoundingClientRect();
    return { x: ((event.clientX - seen.left) / seen.width) * size.width, y: ((event.clientY - seen.top) / seen.height) * size.height };
  }
  paint.addEventListener("pointerdown", (event) => {
    paint.setPointerCapture(event.pointerId);
    Object.assign(at, where(event));
    stroke(where(event));
  });
  paint.addEventListener("pointermove", (event) => {
    if (event.buttons === 1) stroke(where(event));
  });
  paint.addEventListener("keydown", (event) => {
    const step = size.width / 32;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step], " ": [0, 0] }[event.key];
    if (!by) return;
    event.preventDefault();
    stroke({ x: Math.min(Math.max(at.x + by[0], 0), size.width), y: Math.min(Math.max(at.y + by[1], 0), size.height) });
  });

  return {
    element: h("div", { class: "stack tight" }, h("p", { class: "soft small" }, t("web.edit.how")), h("div", { class: "painter" }, picture, paint), field(t("web.edit.width"), width).element),
    clear: () => {
      pen.clearRect(0, 0, size.width, size.height);
      painted = false;
    },
    /**
     * A PNG of the picture's size, transparent where it was painted, as the OpenAI API has it; `null` when nothing was.
     * @returns {Promise<Blob | null>}
     */
    mask: async () => {
      if (!painted) return null;
      const whole = h("canvas", { width: bitmap.width, height: bitmap.height });
      const made = /** @type {CanvasRenderingContext2D} */ (whole.getContext("2d"));
      made.fillRect(0, 0, whole.width, whole.height);
      made.globalCompositeOperation = "destination-out";
      made.drawImage(paint, 0, 0, whole.width, whole.height);
      return new Promise((resolve) => whole.toBlob(resolve, "image/png"));
    },
  };
}
