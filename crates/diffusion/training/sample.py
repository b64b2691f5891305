"""Draws single layers with the painter of a run: a contact sheet to look at while it trains.

    python sample.py TABLE ATLAS RUN OUT.png [--steps N] [--guidance G]
    python sample.py TABLE ATLAS RUN --errors    how far drawn objects are from their art, by sampler
"""
import argparse
import os

import numpy as np
import torch
from PIL import Image

import colours
from decoder import unproject
from models import GRID, LATENT, Decoder, Painter
from painter import Data


def sigmas(steps, shift):
    """Noise levels from 1 to 0: evenly spaced, then shifted (Esser et al. 2024, section 5.3.2)."""
    even = np.linspace(1, 1 / steps, steps)
    return np.append(shift * even / (1 + (shift - 1) * even), 0.0)


def noise_of(shape):
    """Streams of normal values: 0 for the start, then one for each step."""
    return lambda stream: torch.randn(shape, generator=torch.Generator().manual_seed(stream))


@torch.no_grad()
def draw(painter, rows, names, steps=12, shift=3.0, guidance=1.0, ancestral=False, noise=None):
    """Scaled latents (B, 36, 224) of rows in colours, by Euler's method; `ancestral` with fresh noise each step, as
    the program's `euler-a`."""
    noise = noise or noise_of((len(rows), GRID * GRID, LATENT))
    x = noise(0)
    levels = sigmas(steps, shift)
    code, colour = painter.code(rows), painter.colour(names)
    nothing = painter.code.weight[-1:].expand_as(code), painter.colour.weight[-1:].expand_as(colour)
    for step, (now, then) in enumerate(zip(levels[:-1], levels[1:])):
        t = torch.full((len(rows),), float(now))
        clean = painter(x, t, code, colour)
        if guidance != 1:
            other = painter(x, t, *nothing)
            clean = other + guidance * (clean - other)
        if ancestral and then > 0:
            down = then * then / now
            shrink = (1 - then) / (1 - down)
            fresh = np.sqrt(max(0.0, then * then - (down * shrink) ** 2))
            x = shrink * (clean + down / now * (x - clean)) + fresh * noise(1 + step)
        else:
            x = clean + float(then / now) * (x - clean)
        x = x.float()
    return x


def errors(data, painter):
    """Mean square error of the latents of 192 objects, natural and recoloured, none of a held-out pair."""
    rng = np.random.default_rng(3)
    rows = rng.integers(len(data.sprites), size=192)
    names = np.array([0 if rng.uniform() < 0.4 else int(rng.choice(data.allowed[k])) for k in rows])
    known = torch.from_numpy(np.stack([data.sprites[k, n] for k, n in zip(rows, names)]).astype(np.float32) * data.scale)
    print("steps shift guidance | euler, euler-a")
    for steps, shift, guidance in ((1, 3, 1.0), (16, 3, 1.0)):
        found = [draw(painter, torch.from_numpy(rows), torch.from_numpy(names), steps, shift, guidance, ancestral)
                 for ancestral in (False, True)]
        print(steps, shift, guidance, "|", ", ".join(f"{float((x - known).pow(2).mean()):.4f}" for x in found), flush=True)


def load(run, data):
    saved = torch.load(f"{run}/painter.pt", weights_only=True)
    painter = Painter(data.rows, len(colours.NAMES) + 1)
    painter.load_state_dict({**saved["model"], **saved["average"]})
    decoder = None
    if os.path.exists(f"{run}/decoder.pt"):
        stored = torch.load(f"{run}/decoder.pt", weights_only=True)
        decoder = Decoder()
        decoder.load_state_dict({**stored["model"], **stored["average"]})
    return painter.eval(), decoder, saved["images"]


def main():
    parser = argparse.ArgumentParser()
    for name in ("table", "atlas", "run"):
        parser.add_argument(name)
    parser.add_argument("out", nargs="?")
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--truth", action="store_true", help="the training pictures beside")
    options = parser.parse_args()
    data = Data(options.table, options.atlas)
    painter, decoder, images = load(options.run, data)
    if options.errors:
        return errors(data, painter)
    rng = np.random.default_rng(11)
    rows = [int(k) for k in rng.choice(len(data.entries), 48, replace=False)] + list(range(len(data.entries), data.rows))[:16]
    names = [0 if i % 2 else int(rng.integers(1, 12)) for i in range(48)] + [3 if k < 4 else 0 for k in range(16)]
    latents = draw(painter, torch.tensor(rows), torch.tensor(names), options.steps, guidance=options.guidance)
    if options.truth:
        known = [data.sprites[r, n] if r < len(data.entries) else data.backgrounds[0] for r, n in zip(rows, names)]
        latents = torch.from_numpy(np.stack(known).astype(np.float32) * data.scale)
    stored = np.load(f"{options.table}/basis.npz")
    picture = unproject(latents / torch.from_numpy(data.scale), torch.from_numpy(stored["mean"]), torch.from_numpy(stored["basis"]), GRID)
    if decoder is not None:
        with torch.no_grad():
            picture = torch.cat([torch.nn.functional.avg_pool2d(decoder(p[None]), 2) for p in picture])
    rgba = ((picture + 1) / 2).clamp(0, 1).numpy()
    over = rgba[:, :3] + (1 - rgba[:, 3:]) * 0.85
    side = over.shape[-1]
    sheet = over.reshape(8, 8, 3, side, side).transpose(0, 3, 1, 4, 2).reshape(8 * side, 8 * side, 3)
    Image.fromarray((sheet.clip(0, 1) * 255).astype(np.uint8)).save(options.out)
    print(images, "images")


if __name__ == "__main__":
    main()
