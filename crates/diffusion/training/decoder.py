"""Trains the decoder: from latents to a layer four times as fine.

    python decoder.py TABLE ATLAS RUN --minutes M [--painter]

With --painter it learns on what the painter of RUN makes of noisy latents, so that it mends the painter's errors.
"""
import argparse
import json
import os
import signal
import time

import numpy as np
import torch

import backgrounds
import colours
import stored
import table as tables
from models import GRID, Decoder, Painter
from painter import Data

CROP = 4  # patches a side
FINE = 64  # pixels of a patch in the output
DRAWN = 700  # backgrounds drawn at full size


def unproject(latents, mean, basis, grid):
    """(B, grid * grid, 224) natural latents -> (B, 4, 16 grid, 16 grid)."""
    p = latents @ basis.T + mean
    p = p.view(-1, grid, grid, tables.PATCH, tables.PATCH, 4).permute(0, 5, 1, 3, 2, 4)
    return p.reshape(-1, 4, grid * tables.PATCH, grid * tables.PATCH)


class Pairs:
    def __init__(self, options):
        self.data = Data(options.table, options.atlas)
        self.fine = np.load(f"{options.atlas}/sprites.npy", mmap_mode="r")
        self.facts = json.load(open(f"{options.table}/facts.json"))
        path = f"{options.table}/backgrounds-fine.npy"
        if not os.path.exists(path):
            drawn = [backgrounds.draw(*tables.background_of(seed), seed, tables.SIDE * 4) for seed in range(DRAWN)]
            np.save(path, np.stack(drawn))
        self.drawn = np.load(path, mmap_mode="r")
        latents = np.load(f"{options.table}/basis.npz")
        self.mean, self.basis = torch.from_numpy(latents["mean"]), torch.from_numpy(latents["basis"])
        self.scale = torch.from_numpy(self.data.scale)
        self.painter = None
        if options.painter:
            saved = torch.load(f"{options.run}/painter.pt", weights_only=True)
            self.painter = Painter(self.data.rows, len(colours.NAMES) + 1)
            self.painter.load_state_dict({**saved["model"], **saved["average"]})
            self.painter.requires_grad_(False)

    def one(self, rng):
        """Scaled latents (36, 224), row, colour, crop corner in patches, fine crop premultiplied in -1..1."""
        y, x = rng.integers(0, GRID - CROP + 1, 2)
        cut = np.s_[y * FINE:(y + CROP) * FINE, x * FINE:(x + CROP) * FINE]
        if rng.uniform() < 0.2:
            k = int(rng.integers(len(self.drawn)))
            row, name = self.data.background_labels[k]
            rgb = self.drawn[k][cut].astype(np.float32) / 255
            fine = np.concatenate([rgb, np.ones_like(rgb[..., :1])], -1)
            latents = self.data.backgrounds[k]
        else:
            row = int(rng.integers(len(self.fine)))
            name = 0 if rng.uniform() < 0.55 else int(rng.integers(1, len(colours.NAMES) + 1))
            rgba = np.asarray(self.fine[row][cut]).astype(np.float32) / 255
            rgb, alpha = rgba[..., :3], rgba[..., 3]
            if name:
                rgb = colours.recolour(rgb, alpha, colours.NAMES[name - 1], self.facts[row])
            fine = np.concatenate([rgb * alpha[..., None], alpha[..., None]], -1)
            latents = self.data.sprites[row, name]
        return latents.astype(np.float32), row, name, (y, x), (fine * 2 - 1).transpose(2, 0, 1)

    def batch(self, rng, size):
        latents, rows, names, corners, fine = zip(*(self.one(rng) for _ in range(size)))
        x = torch.from_numpy(np.stack(latents)) * self.scale
        if self.painter is None:
            level = torch.from_numpy(rng.uniform(0, 0.3, size) * (rng.uniform(size=size) < 0.7)).float()
            x = x + torch.randn_like(x) * level[:, None, None]
        else:
            # The first halves of the way, where the painter decides what it draws.
            t = torch.from_numpy(rng.uniform(0.05, 0.95, size)).float()
            noisy = (1 - t)[:, None, None] * x + t[:, None, None] * torch.randn_like(x)
            rows, names = torch.tensor(rows), torch.tensor(names)
            with torch.autocast("cpu", torch.bfloat16):
                guess = self.painter(noisy, t, self.painter.code(rows), self.painter.colour(names)).float()
            # A drawn background is not the only one its noise could become: those keep to small errors.
            scene = (rows >= len(self.data.entries)) & (t > 0.5)
            x = torch.where(scene[:, None, None], x, guess)
        picture = unproject(x / self.scale, self.mean, self.basis, GRID)
        side = CROP * tables.PATCH
        cuts = [picture[b, :, y * 16:y * 16 + side, x_ * 16:x_ * 16 + side] for b, (y, x_) in enumerate(corners)]
        return torch.stack(cuts), torch.from_numpy(np.stack(fine))


def loss_of(made, wanted):
    made, wanted = made[..., 16:-16, 16:-16], wanted[..., 16:-16, 16:-16]
    error = (made - wanted).abs().mean()
    edges = sum(((made - wanted).diff(dim=d)).abs().mean() for d in (2, 3))
    return error + edges, error


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table"), parser.add_argument("atlas"), parser.add_argument("run")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--painter", action="store_true")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--init", metavar="SAFETENSORS", help="start a new run from the weights that ship")
    options = parser.parse_args()
    torch.manual_seed(0)
    pairs = Pairs(options)
    model = Decoder().to(memory_format=torch.channels_last)
    if options.init:
        model.load_state_dict(stored.part(stored.load(options.init), "decoder"))
    path, images = f"{options.run}/decoder.pt", 0
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.0)
    average = {name: p.detach().clone() for name, p in model.named_parameters()}
    if os.path.exists(path):
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        average, images = saved["average"], saved["images"]
    rng = np.random.default_rng(images + 3)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    log = open(f"{options.run}/decoder.log", "a")
    begin = last_save = since = time.time()
    sums, seen, step = 0.0, 0, 0

    def save():
        torch.save({"model": model.state_dict(), "average": average, "optimiser": optimiser.state_dict(), "images": images}, path + ".new")
        os.replace(path + ".new", path)

    while not stop and (part := (time.time() - begin) / 60 / options.minutes) < 1:
        for group in optimiser.param_groups:
            group["lr"] = options.rate * min(1, (step + 1) / 50) * min(1.0, max(0.02, (1 - part) / 0.4))
        x, wanted = pairs.batch(rng, options.batch)
        with torch.autocast("cpu", torch.bfloat16):
            made = model(x.to(memory_format=torch.channels_last))
        loss, error = loss_of(made.float(), wanted)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        images += options.batch
        keep = min(0.998, 1 - 1 / (1 + step / 4))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.values()), [p.detach() for p in model.parameters()], 1 - keep)
        sums, seen = sums + float(error.detach()), seen + 1
        if seen == 100:
            line = {"crops": images, "error": round(sums / seen, 5), "per_second": round(seen * options.batch / (time.time() - since), 1),
                    "minutes": round((time.time() - begin) / 60, 1), "painter": options.painter}
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            log.flush()
            sums, seen, since = 0.0, 0, time.time()
        if time.time() - last_save > 120:
            save()
            last_save = time.time()
    save()


if __name__ == "__main__":
    main()
