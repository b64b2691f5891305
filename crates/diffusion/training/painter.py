"""Trains the painter: a flow transformer over the latents of one layer.

    python painter.py TABLE ATLAS RUN --minutes M

Rectified flow x_t = (1 - t) x + t n; the network predicts x. Its error counts 1 / t fold, between that of x and that
of the velocity: an object follows from its condition alone, so what is told at high noise decides how clean it is.
What does not match across the borders of patches counts once more, for that is what an eye sees first.
Resumes from RUN/painter.pt; saves every two minutes and at the end. The learning rate falls over the last part of M.
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
from models import GRID, LATENT, Painter

EXPONENT = 0.5  # how far the components are whitened: 0 not at all, 1 fully
SEAMS = 3.0  # weight of the steps between patches, squared, in pixel values of -1..1
HELD_OUT = 200  # pairs of concept and colour that the painter never sees


class Data:
    """Latents by row (sprite or background kind) and colour."""

    def __init__(self, table, atlas):
        self.entries = json.load(open(f"{atlas}/sprites.json"))
        self.sprites = np.load(f"{table}/sprites.npy", mmap_mode="r")[:, ::2]  # mirrored ones are left to the compositor
        self.sprites = np.ascontiguousarray(self.sprites)
        self.backgrounds = np.load(f"{table}/backgrounds.npy")
        basis = np.load(f"{table}/basis.npz")
        spread = basis["spread"]
        self.scale = (spread ** -EXPONENT).astype(np.float32)
        self.scale /= np.sqrt(np.mean((spread * self.scale) ** 2))
        # The outermost pixels of a patch: left, right, top and bottom, from scaled latents.
        pixels = (basis["basis"].T / self.scale[:, None]).reshape(LATENT, tables.PATCH, tables.PATCH, 4)
        edges = pixels[:, :, 0], pixels[:, :, -1], pixels[:, 0], pixels[:, -1]
        self.edges = torch.from_numpy(np.concatenate([edge.reshape(LATENT, -1) for edge in edges], 1))
        self.kinds = list(backgrounds.KINDS)
        self.rows = len(self.entries) + len(self.kinds)
        self.concepts = sorted({entry["concept"] for entry in self.entries})
        rng = np.random.default_rng(7)
        self.held_out = set()
        while len(self.held_out) < HELD_OUT:
            self.held_out.add((str(rng.choice(self.concepts)), int(rng.integers(1, 12))))
        allowed = [[k for k in range(1, 12) if (entry["concept"], k) not in self.held_out] for entry in self.entries]
        self.allowed = allowed
        self.background_labels = [self.label(seed) for seed in range(len(self.backgrounds))]

    def label(self, seed):
        kind, name = tables.background_of(seed)
        return len(self.entries) + self.kinds.index(kind), 0 if name is None else 1 + colours.NAMES.index(name)

    def codes(self, width):
        """A start for codes and drafts, principal components of the pictures: codes, matrix, mean."""
        natural = self.sprites[:, 0].astype(np.float32) * self.scale
        rows = [natural.reshape(len(natural), -1)]
        labels = np.array([row for row, _ in self.background_labels])
        for kind in range(len(self.kinds)):
            chosen = self.backgrounds[labels == len(self.entries) + kind].astype(np.float32) * self.scale
            rows.append(chosen.reshape(len(chosen), -1).mean(0, keepdims=True))
        rows = np.concatenate(rows)
        mean = rows.mean(0)
        u, s, v = np.linalg.svd(rows - mean, full_matrices=False)
        code, draft = u[:, :width] * s[:width], v[:width].T
        unit = np.sqrt((code ** 2).mean())
        return [torch.from_numpy(np.ascontiguousarray(part)).float() for part in (code / unit, draft * unit, mean)]

    def batch(self, rng, size):
        latents, rows, names = np.empty((size, GRID * GRID, LATENT), np.float32), np.empty(size, np.int64), np.empty(size, np.int64)
        for i in range(size):
            if rng.uniform() < 0.4:
                k = rng.integers(len(self.backgrounds))
                latents[i], (rows[i], names[i]) = self.backgrounds[k], self.background_labels[k]
            else:
                k = rng.integers(len(self.sprites))
                name = 0 if rng.uniform() < 0.4 else self.allowed[k][rng.integers(len(self.allowed[k]))]
                latents[i], rows[i], names[i] = self.sprites[k, name], k, name
        return torch.from_numpy(latents * self.scale), torch.from_numpy(rows), torch.from_numpy(names)


class Muon(torch.optim.Optimizer):
    """Momentum orthogonalised by Newton-Schulz iterations (K. Jordan, "Muon", 2024), for matrices inside blocks."""

    def __init__(self, params, lr, momentum=0.95, steps=5):
        super().__init__(params, {"lr": lr, "momentum": momentum, "steps": steps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(state["momentum"], group["momentum"]).bfloat16()
                tall = update.shape[0] > update.shape[1]
                x = update.T if tall else update
                x = x / (x.norm() + 1e-7)
                for _ in range(group["steps"]):
                    gram = x @ x.T
                    x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
                x = x.T if tall else x
                p.add_(x.float(), alpha=-group["lr"] * max(1, p.shape[0] / p.shape[1]) ** 0.5)


def seams(error, edges):
    """Mean square of what an error of latents adds to the steps across the borders of patches, for each layer."""
    left, right, top, bottom = (error @ edges).unflatten(1, (GRID, GRID)).chunk(4, -1)
    return (right[:, :, :-1] - left[:, :, 1:]).pow(2).mean((1, 2, 3)) + (bottom[:, :-1] - top[:, 1:]).pow(2).mean((1, 2, 3))


def loss_of(network, model, data, size, rng):
    x, rows, names = data.batch(rng, size)
    drop = torch.from_numpy(rng.uniform(size=size) < 0.1)
    rows = torch.where(drop, torch.tensor(data.rows), rows)
    names = torch.where(drop, torch.tensor(len(colours.NAMES) + 1), names)
    t = torch.sigmoid(torch.from_numpy(rng.normal(0.9, 1.4, size)).float())
    noise = torch.from_numpy(rng.standard_normal(x.shape, np.float32))
    noisy = (1 - t)[:, None, None] * x + t[:, None, None] * noise
    with torch.autocast("cpu", torch.bfloat16):
        guess = network(noisy, t, model.code(rows), model.colour(names))
    error = guess.float() - x
    square = error.pow(2).mean((1, 2))
    loss = (square + SEAMS * seams(error, data.edges)) / t.clamp_min(0.1)
    return loss.mean(), square.detach().mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table"), parser.add_argument("atlas"), parser.add_argument("run")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--cooldown", type=float, default=0.35, help="share of the time over which the rate falls")
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--init", metavar="SAFETENSORS", help="start a new run from the weights that ship")
    options = parser.parse_args()
    os.makedirs(options.run, exist_ok=True)
    torch.manual_seed(0)
    data = Data(options.table, options.atlas)
    model = Painter(data.rows, len(colours.NAMES) + 1)
    with torch.no_grad():
        codes, matrix, mean = data.codes(model.code.embedding_dim)
        model.code.weight[:-1] = codes
        model.draft.weight.copy_(matrix)
        model.draft.bias.copy_(mean)
    if options.init:
        model.load_state_dict(stored.part(stored.load(options.init), "painter"), strict=False)
    matrices = [p for name, p in model.blocks.named_parameters() if p.ndim == 2 and "modulation" not in name]
    chosen = {id(p) for p in matrices}
    tables_ = [model.code.weight, model.draft.weight, model.draft.bias]
    others = [p for p in model.parameters() if id(p) not in chosen and all(p is not q for q in tables_)]
    muon = Muon(matrices, lr=0.02 * options.rate)
    adam = torch.optim.AdamW([{"params": others, "lr": 1.5e-3 * options.rate}, {"params": tables_, "lr": 4e-4 * options.rate}],
                             betas=(0.9, 0.97), weight_decay=0.0)
    average = {name: p.detach().clone() for name, p in model.named_parameters()}
    images, path = 0, f"{options.run}/painter.pt"
    if os.path.exists(path):
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        average, images = saved["average"], saved["images"]
        muon.load_state_dict(saved["muon"]), adam.load_state_dict(saved["adam"])
    rates = [(group, group_lr) for optimiser, lrs in ((muon, [0.02]), (adam, [1.5e-3, 4e-4]))
             for group, group_lr in zip(optimiser.param_groups, lrs)]
    rng = np.random.default_rng(images + 1)
    network = torch.compile(model)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    log = open(f"{options.run}/painter.log", "a")
    begin = last_save = time.time()
    seen, sums, since = 0, np.zeros(2), time.time()
    step, took = 0, 0.0

    def save():
        torch.save({"model": model.state_dict(), "average": average, "images": images,
                    "muon": muon.state_dict(), "adam": adam.state_dict()}, path + ".new")
        os.replace(path + ".new", path)

    while not stop:
        part = (time.time() - begin) / 60 / options.minutes
        if part >= 1:
            break
        factor = options.rate * min(1.0, (step + 1) / 60) * min(1.0, max(0.02, (1 - part) / options.cooldown))
        for group, rate in rates:
            group["lr"] = rate * factor
        clock = time.time()
        loss, error = loss_of(network, model, data, options.batch, rng)
        for p in model.parameters():
            p.grad = None
        loss.backward()
        took += time.time() - clock
        torch.nn.utils.clip_grad_norm_(others + tables_, 1.0)
        muon.step(), adam.step()
        step += 1
        images += options.batch
        keep = min(0.998, 1 - 1 / (1 + step / 4))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.values()), [p.detach() for p in model.parameters()], 1 - keep)
        sums += float(loss.detach()), float(error)
        seen += 1
        if seen == 50:
            line = {"images": images, "loss": round(sums[0] / seen, 4), "error": round(sums[1] / seen, 4),
                    "rate": round(factor, 3), "per_second": round(seen * options.batch / (time.time() - since), 1),
                    "network": round(took / (time.time() - since), 2), "minutes": round((time.time() - begin) / 60, 1)}
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            log.flush()
            seen, sums, since, took = 0, np.zeros(2), time.time(), 0.0
        if time.time() - last_save > 120:
            save()
            last_save = time.time()
    save()


if __name__ == "__main__":
    main()
