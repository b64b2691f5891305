// Small PNG pictures, made of numbers.

import { crc32, deflateSync } from "node:zlib";

import { hash } from "./log.mjs";

/** @param {string} type @param {Buffer} data */
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/**
 * Soft hills in colours drawn from the text; the coarser, the less it is done.
 * @param {string} text
 * @param {number} [side]
 * @param {number} [coarse] pixels that are alike
 */
export function picture(text, side = 256, coarse = 1) {
  const draw = hash(Buffer.from(text));
  const rows = [];
  for (let y = 0; y < side; y++) {
    const row = Buffer.alloc(1 + side * 3);
    for (let x = 0; x < side; x++) {
      const [u, v] = [Math.floor(x / coarse) * coarse / side, Math.floor(y / coarse) * coarse / side];
      const hill = Math.sin(u * (3 + draw[0] % 5) + draw[1]) * 0.12 + Math.sin(u * 17 + draw[2]) * 0.03 + 0.55;
      const sun = Math.hypot(u - 0.2 - draw[3] / 430, v - 0.25) < 0.09;
      const ground = v > hill;
      for (let c = 0; c < 3; c++) {
        const sky = 110 + draw[4 + c] / 3 + v * 70;
        const land = 30 + draw[8 + c] / 3 + (v - hill) * 120;
        row[1 + x * 3 + c] = sun && !ground ? 245 - c * 25 : Math.max(0, Math.min(255, ground ? land : sky));
      }
    }
    rows.push(row);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
    chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.concat(rows))), chunk("IEND", Buffer.alloc(0)),
  ]);
}
