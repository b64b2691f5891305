"""The training table: every sprite in every colour, and backgrounds, as latents.

    python table.py ATLAS OUT

A layer (sprite or background) is 96 x 96 premultiplied RGBA in -1..1, cut into 6 x 6 patches of 16 x 16; a patch
is projected on the principal components of such patches (an orthonormal basis, `basis.npz`).
"""
import json
import os
import sys
from multiprocessing import Pool

import numpy as np

import backgrounds
import colours

SIDE, PATCH, GRID, WIDTH = 96, 16, 6, 224
BACKGROUNDS = 12000
ATLAS = None


def patches(picture):
    """(96, 96, 4) -> (36, 1024)."""
    p = picture.reshape(GRID, PATCH, GRID, PATCH, 4).transpose(0, 2, 1, 3, 4)
    return p.reshape(GRID * GRID, PATCH * PATCH * 4)


def layer(rgba):
    """Straight 0..1 RGBA at 384 or 96 -> premultiplied -1..1 at 96."""
    pre = np.concatenate([rgba[..., :3] * rgba[..., 3:], rgba[..., 3:]], -1)
    k = rgba.shape[0] // SIDE
    if k > 1:
        pre = pre.reshape(SIDE, k, SIDE, k, 4).mean((1, 3))
    return (pre * 2 - 1).astype(np.float32)


def variants(index):
    """All colours of one sprite (natural first), each and its mirror image: (24, 36, 1024) float16."""
    rgba = np.asarray(ATLAS[index]).astype(np.float32) / 255
    # Colours change at half size: a quarter of the time, and nothing to see of it at 96 pixels.
    small = rgba.reshape(192, 2, 192, 2, 4)
    alpha = small[..., 3].mean((1, 3))
    rgb = (small[..., :3] * small[..., 3:]).mean((1, 3)) / np.maximum(alpha, 1e-4)[..., None]
    facts = colours.dominant(rgb, alpha)
    found = []
    for name in [None, *colours.NAMES]:
        new = rgb if name is None else colours.recolour(rgb, alpha, name, facts)
        picture = layer(np.concatenate([new, alpha[..., None]], -1))
        found += [patches(picture), patches(picture[:, ::-1])]
    return np.stack(found).astype(np.float16), facts


def background(seed):
    kind, name = background_of(seed)
    rgb = backgrounds.draw(kind, name, seed, SIDE).astype(np.float32) / 255
    return patches(layer(np.concatenate([rgb, np.ones_like(rgb[..., :1])], -1))).astype(np.float16)


def background_of(seed):
    """Kind and colour of background number `seed`."""
    kinds = list(backgrounds.KINDS)
    rng = np.random.default_rng(1_000_000 + seed)
    weights = np.array([3.0 if kind in ("plain", "gradient") else 1.0 for kind in kinds])
    kind = kinds[rng.choice(len(kinds), p=weights / weights.sum())]
    return kind, (str(rng.choice(colours.NAMES)) if kind in backgrounds.COLOURED else None)


def open_atlas(path):
    global ATLAS
    ATLAS = np.load(f"{path}/sprites.npy", mmap_mode="r")


def main(atlas, out):
    os.makedirs(out, exist_ok=True)
    open_atlas(atlas)
    with Pool(initializer=open_atlas, initargs=(atlas,)) as pool:
        pictures = pool.map(background, range(BACKGROUNDS), chunksize=64)
        sprites = pool.map(variants, range(len(ATLAS)), chunksize=8)
    rng = np.random.default_rng(0)
    sample = np.concatenate([sprites[i][0][rng.integers(24)] for i in range(len(sprites)) for _ in range(6)]
                            + [pictures[i] for i in range(2500)]).astype(np.float32)
    mean = sample.mean(0)
    values, vectors = np.linalg.eigh((sample - mean).T.astype(np.float64) @ (sample - mean) / len(sample))
    basis = vectors[:, ::-1][:, :WIDTH].astype(np.float32)
    for width in (96, 160, WIDTH, 320):
        part = vectors[:, ::-1][:, :width]
        rest = sample[:20000] - mean
        rest = rest - (rest @ part) @ part.T
        print(width, "components, PSNR", round(float(10 * np.log10(4 / (rest ** 2).mean())), 2))
    project = lambda p: ((p.reshape(-1, 1024).astype(np.float32) - mean) @ basis).reshape(*p.shape[:-1], WIDTH)
    spread = project(sample).std(0)
    print("spread", spread[[0, 1, 2, 5, 10, 20, 50, 100, 200]])
    table = np.stack([project(s).astype(np.float16) for s, _ in sprites])
    np.save(f"{out}/sprites.npy", table)
    np.save(f"{out}/backgrounds.npy", np.stack([project(p).astype(np.float16) for p in pictures]))
    np.savez(f"{out}/basis.npz", mean=mean, basis=basis, spread=spread)
    json.dump([[float(x) for x in facts] for _, facts in sprites], open(f"{out}/facts.json", "w"))
    print(table.shape, table.nbytes / 1e6, "MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
