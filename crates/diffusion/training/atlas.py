"""Renders the sprites of the packages into one atlas: premultiplied RGBA, object centred.

    python atlas.py PACKAGES OUT

PACKAGES is a folder with the unpacked npm packages of requirements.md.
Writes OUT/sprites.npy (uint8, N x 384 x 384 x 4, straight alpha) and OUT/sprites.json.
"""
import io
import json
import os
import sys
from multiprocessing import Pool

import numpy as np
from PIL import Image

import concepts

SIDE = 384
OBJECT = 0.9  # share of the canvas that the longer side of an object takes


def frame(picture):
    """RGBA picture -> object centred on the canvas."""
    box = picture.getchannel("A").point(lambda v: 255 if v > 8 else 0).getbbox()
    if box is None:
        return None
    picture = picture.crop(box)
    scale = OBJECT * SIDE / max(picture.size)
    size = [max(1, round(v * scale)) for v in picture.size]
    # Resampling premultiplied, or dark fringes come in.
    resized = picture.convert("RGBa").resize(size, Image.LANCZOS).convert("RGBA")
    canvas = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    canvas.paste(resized, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas)


def svg(icon, width, height):
    import resvg_py
    w, h = icon.get("width", width), icon.get("height", height)
    text = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ' \
           f'viewBox="{icon.get("left", 0)} {icon.get("top", 0)} {w} {h}" width="{w}" height="{h}">{icon["body"]}</svg>'
    data = resvg_py.svg_to_bytes(svg_string=text, width=512, height=512)
    return Image.open(io.BytesIO(bytes(data))).convert("RGBA")


def job(task):
    kind, source = task
    try:
        picture = svg(*source) if kind == "svg" else Image.open(source).convert("RGBA")
    except Exception as error:  # a picture that does not render is left out and told
        return str(error)
    return frame(picture)


def iconset(packages, folder):
    root = os.path.join(packages, folder, "package")
    data = json.load(open(f"{root}/icons.json"))
    chars = json.load(open(f"{root}/chars.json")) if os.path.exists(f"{root}/chars.json") else {}
    return data, chars


def strip(code):
    return "-".join(part for part in code.split("-") if part != "fe0f")


def main(packages, out):
    os.makedirs(out, exist_ok=True)
    flat, flat_chars = iconset(packages, "iconify-json-fluent-emoji-flat-1.2.6")
    noto, noto_chars = iconset(packages, "iconify-json-noto-1.2.9")
    flat_chars = {strip(code): name for code, name in flat_chars.items()}
    noto_chars = {strip(code): name for code, name in noto_chars.items()}
    folder = os.path.join(packages, "lobehub-fluent-emoji-3d-1.1.0/package/assets")
    renders = {strip(name[:-5]): os.path.join(folder, name) for name in sorted(os.listdir(folder))}
    tasks, entries = [], []
    for index, (label, code, tags, subgroup) in enumerate(concepts.concepts(packages)):
        code = strip(code)
        sources = {"3d": ("webp", renders.get(code))}
        for style, data, chars in (("flat", flat, flat_chars), ("cartoon", noto, noto_chars)):
            icon = data["icons"].get(chars.get(code))
            sources[style] = ("svg", icon and (icon, data.get("width", 32), data.get("height", 32)))
        for style, (kind, source) in sources.items():
            if source is None:
                print("missing", style, label)
                continue
            tasks.append((kind, source))
            entries.append({"concept": label, "style": style, "tags": tags, "subgroup": subgroup})
    with Pool() as pool:
        pictures = pool.map(job, tasks, chunksize=16)
    kept = [(entry, picture) for entry, picture in zip(entries, pictures) if isinstance(picture, np.ndarray)]
    for entry, picture in zip(entries, pictures):
        if not isinstance(picture, np.ndarray):
            print("left out", entry["concept"], entry["style"], picture)
    np.save(f"{out}/sprites.npy", np.stack([picture for _, picture in kept]))
    json.dump([entry for entry, _ in kept], open(f"{out}/sprites.json", "w"))
    print(len(kept), "sprites of", len({entry["concept"] for entry, _ in kept}), "concepts")


if __name__ == "__main__":
    main(*sys.argv[1:])
