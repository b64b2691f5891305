"""A classifier trained on the sprites says whether generated pictures show what their prompts ask for.

    python judge.py train TABLE ATLAS RUN --minutes M
    python judge.py prompts TABLE ATLAS RUN > prompts.txt     200 pairs of concept and colour the painter never saw
    python judge.py score TABLE ATLAS RUN PICTURES            PICTURES/000.png ... in the order of the prompts

It sees whole scenes at 64 x 64 pixels and is told neither prompt nor scene.
"""
import argparse
import json
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import backgrounds
import colours
import concepts as taken
from painter import Data

SIDE = 64


class Judge(nn.Module):
    def __init__(self, concepts, names):
        super().__init__()
        layers, before = [nn.Conv2d(3, 48, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(48), nn.ReLU()], 48
        for w in (80, 144, 256):
            layers += [nn.Conv2d(before, w, 3, padding=1, bias=False), nn.BatchNorm2d(w), nn.ReLU(),
                       nn.Conv2d(w, w, 3, padding=1, bias=False), nn.BatchNorm2d(w), nn.ReLU(), nn.MaxPool2d(2)]
            before = w
        self.features = nn.Sequential(*layers)
        self.concept, self.colour = nn.Linear(256 * 4, concepts), nn.Linear(256, names)

    def forward(self, x):
        h = self.features(x)
        return self.concept(F.adaptive_avg_pool2d(h, 2).flatten(1)), self.colour(h.mean((2, 3)))


class Scenes:
    """One object on a background, 64 x 64, with its labels."""

    def __init__(self, options):
        self.data = Data(options.table, options.atlas)
        path = f"{options.run}/judge-sprites.npy"
        fine = np.load(f"{options.atlas}/sprites.npy", mmap_mode="r")
        if not os.path.exists(path):
            facts, small = json.load(open(f"{options.table}/facts.json")), []
            for k in range(len(fine)):
                rgba = np.asarray(Image.fromarray(fine[k]).resize((SIDE, SIDE), Image.BOX)).astype(np.float32) / 255
                rgb, alpha = rgba[..., :3], rgba[..., 3]
                made = [rgb] + [colours.recolour(rgb, alpha, name, facts[k]) for name in colours.NAMES]
                small.append(np.stack([np.concatenate([m, alpha[..., None]], -1) for m in made]))
            np.save(path, np.round(np.stack(small) * 255).astype(np.uint8))
        self.sprites = torch.from_numpy(np.load(path)).permute(0, 1, 4, 2, 3)
        fine = np.load(f"{options.table}/backgrounds-fine.npy", mmap_mode="r")
        scenes = [np.asarray(Image.fromarray(scene).resize((SIDE, SIDE), Image.BOX)) for scene in fine]
        self.scenes = torch.from_numpy(np.stack(scenes)).permute(0, 3, 1, 2)
        self.index = {concept: i for i, concept in enumerate(self.data.concepts)}
        self.labels = torch.tensor([self.index[entry["concept"]] for entry in self.data.entries])

    def batch(self, rng, size):
        rows, names = rng.integers(len(self.sprites), size=size), rng.integers(0, 12, size)
        sprites = self.sprites[rows, names].float() / 255
        sprites[:, :3] *= sprites[:, 3:]
        scenes = self.scenes[rng.integers(len(self.scenes), size=size)].float() / 255
        # From places of the scene (-1..1) to those of the sprite: size, mirror image, place.
        share = rng.uniform(0.5, 0.78, size)
        free = 1 - share
        x, y = (np.clip(rng.normal(middle, 0.1, size), -free, free) for middle in (0.0, 0.06))
        flip = np.where(rng.uniform(size=size) < 0.5, -1, 1)
        zero = np.zeros(size)
        place = np.stack([flip / share, zero, -x * flip / share, zero, 1 / share, -y / share], 1).reshape(size, 2, 3)
        grid = F.affine_grid(torch.from_numpy(place).float(), (size, 4, SIDE, SIDE), align_corners=False)
        layer = F.grid_sample(sprites, grid, align_corners=False)
        pictures = layer[:, :3] + scenes * (1 - layer[:, 3:])
        return pictures * 2 - 1, self.labels[rows], torch.from_numpy(names)


def train(options):
    scenes, rng = Scenes(options), np.random.default_rng(5)
    torch.manual_seed(0)
    model = Judge(len(scenes.index), 12).to(memory_format=torch.channels_last)
    network = torch.compile(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    begin, seen = time.time(), 0
    while (part := (time.time() - begin) / 60 / options.minutes) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1, seen / 6400 + 0.02) * max(0.01, 1 - part)
        x, labels, names = scenes.batch(rng, 128)
        with torch.autocast("cpu", torch.bfloat16):
            concept, colour = network(x.to(memory_format=torch.channels_last))
        told = names > 0  # the natural colour has many names
        loss = F.cross_entropy(concept.float(), labels) + F.cross_entropy(colour.float()[told], names[told])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen += 128
        if seen % 12800 == 0:
            print(seen, round(float(loss.detach()), 3), flush=True)
    torch.save({"model": model.state_dict(), "seen": seen}, f"{options.run}/judge.pt")
    model.eval()
    rng = np.random.default_rng(77)
    with torch.no_grad():
        right = [[0, 0], [0, 0]]
        for _ in range(10):
            x, labels, names = scenes.batch(rng, 100)
            concept, colour = model(x)
            told = names > 0
            right[0][0] += int((concept.argmax(1) == labels).sum())
            right[0][1] += len(labels)
            right[1][0] += int((colour[:, 1:].argmax(1) + 1 == names)[told].sum())
            right[1][1] += int(told.sum())
    print("on sprites themselves: object", right[0], "colour", right[1], "after", seen, "scenes")


def held_out(options):
    data = Data(options.table, options.atlas)
    kinds = [kind for kind in backgrounds.KINDS if kind not in ("dots", "stripes")]
    rng = np.random.default_rng(8)
    rows = []
    for concept, name in sorted(data.held_out):
        kind = str(rng.choice(kinds))
        colour = colours.NAMES[name - 1]
        words = backgrounds.KINDS[kind][0]
        if kind in backgrounds.COLOURED:
            other = str(rng.choice([c for c in colours.NAMES if c != colour]))
            words = f"on a {other} {'background' if kind == 'plain' else words}"
        rows.append((f"a {colour} {taken.words(concept)[0]} {words}", concept, name))
    return data, rows


def interval(right, of):
    """Wilson's 95 % interval."""
    z, p = 1.96, right / of
    middle, half = p + z * z / (2 * of), z * np.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return f"{right}/{of} = {100 * p:.1f} % ({100 * (middle - half) / (1 + z * z / of):.0f} to {100 * (middle + half) / (1 + z * z / of):.0f} %)"


def score(options):
    data, rows = held_out(options)
    saved = torch.load(f"{options.run}/judge.pt", weights_only=True)
    model = Judge(len(data.concepts), 12)
    model.load_state_dict(saved["model"])
    model.eval()
    objects = names = 0
    for number, (prompt, concept, name) in enumerate(rows):
        picture = Image.open(f"{options.pictures}/{number:03}.png").convert("RGB").resize((SIDE, SIDE), Image.BOX)
        x = torch.from_numpy(np.asarray(picture).astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.no_grad():
            guess, colour = model(x)
        found = data.concepts[int(guess.argmax())], int(colour[0, 1:].argmax()) + 1
        objects += found[0] == concept
        names += found[1] == name
        if found != (concept, name):
            print(f"{prompt}: {colours.NAMES[found[1] - 1]} {found[0]}")
    print("object", interval(objects, len(rows)))
    print("colour", interval(names, len(rows)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["train", "prompts", "score"])
    for name in ("table", "atlas", "run"):
        parser.add_argument(name)
    parser.add_argument("pictures", nargs="?")
    parser.add_argument("--minutes", type=float, default=8)
    options = parser.parse_args()
    if options.task == "prompts":
        print("\n".join(prompt for prompt, _, _ in held_out(options)[1]))
    else:
        (train if options.task == "train" else score)(options)


if __name__ == "__main__":
    main()
