"""Writes the model as the program reads it, and the fixture that holds the program to this framework.

    python export.py TABLE ATLAS RUN ASSETS FIXTURE

Large matrices become 8-bit integers with a scale a row, tables and convolutions half precision, the rest stays.
The fixture is computed from the written values, so that rounding is not counted as a difference.
"""
import json
import sys

import numpy as np
import torch
from safetensors.torch import save_file

import backgrounds
import captions
import colours
import concepts as taken
import sample
import stored
from decoder import unproject
from models import GRID, LATENT, Decoder, Painter, Reader
from painter import Data
from reader import TRIGRAMS, Coder, sizes

PROMPTS = ["a red fox in the snow", "two green apples on a blue background", "a cartoon robot next to a small yellow umbrella at night"]
STEPS, SHIFT, GUIDANCE = 12, 3.0, 1.2  # the program's defaults


def averaged(path):
    saved = torch.load(path, weights_only=True)
    return {**saved["model"], **saved.get("average", {})}, saved


def store(tensors):
    """Tensors to write, and the values that a reader of them gets."""
    written, values = {}, {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().float().contiguous()
        block = name.startswith("painter.blocks") and tensor.ndim == 2 and tensor.numel() > 4096
        if block or name in ("painter.signal.weight", "painter.draft.weight"):
            scale = tensor.abs().amax(1).clamp_min(1e-8) / 127
            rounded = (tensor / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
            written[name], written[name + ".scale"] = rounded, scale
            values[name] = rounded.float() * scale[:, None]
        elif tensor.numel() > 4096:
            written[name] = tensor.half()
            values[name] = written[name].float()
        else:
            written[name] = values[name] = tensor
    return written, values


def philox(seed, stream, count):
    """Normals of the program's noise generator (src/noise.rs)."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    low = np.uint64(0xFFFFFFFF)
    c = [blocks & low, blocks >> np.uint64(32), np.full_like(blocks, stream & 0xFFFFFFFF), np.full_like(blocks, stream >> 32)]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for turn in range(10):
        if turn:
            k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), p1 & low, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), p0 & low]
    u = [(w.astype(np.float64) + 0.5) / 2 ** 32 for w in c]
    out = np.empty((len(blocks), 4))
    for i in (0, 2):
        radius, angle = np.sqrt(-2 * np.log(u[i])), 2 * np.pi * u[i + 1]
        out[:, i], out[:, i + 1] = radius * np.cos(angle), radius * np.sin(angle)
    return out.reshape(-1)[:count].astype(np.float32)


@torch.no_grad()
def fixture(values, data, saved, path):
    """Answers of the three networks for three prompts, each with the noise of seed 1."""
    part = lambda prefix: stored.part(values, prefix)
    labels = saved["labels"]
    reader = Reader(len(saved["vocabulary"]) + 1, TRIGRAMS, sizes(labels))
    reader.load_state_dict(part("reader"))
    painter = Painter(data.rows, len(colours.NAMES) + 1)
    painter.load_state_dict(part("painter"), strict=False)
    decoder = Decoder()
    decoder.load_state_dict(part("decoder"))
    latents_of = part("latents")
    rows = {(entry["concept"], entry["style"]): k for k, entry in enumerate(data.entries)}
    coder, out = Coder(saved["vocabulary"]), {}
    for number, prompt in enumerate(PROMPTS):
        words = captions.tokens(prompt)
        answer = reader(*coder.batch([words]))
        for name in ("concept", "kind", "style"):
            out[f"{number}.{name}"] = answer[name][0].contiguous()
        layers = [(len(data.entries) + int(answer["kind"][0].argmax()) - 1, int(answer["kind_colour"][0].argmax()))]
        for i in range(len(words)):
            concept = int(answer["concept"][0, i].argmax())
            if concept:
                row = rows[labels[concept - 1], taken.STYLES[max(0, int(answer["style"][0].argmax()) - 1)]]
                layers += [(row, int(answer["colour"][0, i].argmax()))] * (int(answer["count"][0, i].argmax()) + 1)
        shape = len(layers), GRID * GRID, LATENT
        noise = lambda stream: torch.from_numpy(philox(1, stream, len(layers) * GRID * GRID * LATENT)).view(shape)
        rows_, names = (torch.tensor(k) for k in zip(*layers))
        x = sample.draw(painter, rows_, names, STEPS, SHIFT, GUIDANCE, noise=noise)
        picture = decoder(unproject(x / latents_of["scale"], latents_of["mean"], latents_of["basis"], GRID))
        out[f"{number}.layers"] = torch.tensor(layers, dtype=torch.float32)
        out[f"{number}.latents"] = x.contiguous()
        # Every eighth pixel of the layer, as red, green, blue, alpha in 0..1.
        out[f"{number}.pixels"] = ((picture[:, :, 3::8, 5::8] + 1) / 2).contiguous()
    save_file(out, path)


def main(table, atlas, run, assets, fixture_path):
    data = Data(table, atlas)
    painter, _ = averaged(f"{run}/painter.pt")
    decoder, _ = averaged(f"{run}/decoder.pt")
    reader, saved = averaged(f"{run}/reader.pt")
    latents = np.load(f"{table}/basis.npz")
    tensors = {f"painter.{name}": tensor for name, tensor in painter.items()}
    tensors |= {f"decoder.{name}": tensor for name, tensor in decoder.items()}
    tensors |= {f"reader.{name}": tensor for name, tensor in reader.items()}
    tensors |= {"latents.mean": torch.from_numpy(latents["mean"]), "latents.basis": torch.from_numpy(latents["basis"]),
                "latents.scale": torch.from_numpy(data.scale)}
    written, values = store(tensors)
    save_file(written, f"{assets}/miniature.safetensors")
    labels = saved["labels"]
    rows = {(entry["concept"], entry["style"]): k for k, entry in enumerate(data.entries)}
    scene = {
        "words": saved["vocabulary"],
        "concepts": labels,
        "styles": taken.STYLES,
        "colours": colours.NAMES,
        "sizes": captions.SIZES,
        "relations": captions.RELATIONS,
        "kinds": [{"name": kind, "words": words[0], "row": len(data.entries) + k, "coloured": kind in backgrounds.COLOURED,
                   "grounded": kind in backgrounds.GROUNDED} for k, (kind, words) in enumerate(backgrounds.KINDS.items())],
        "rows": [[rows.get((label, style)) for style in taken.STYLES] for label in labels],
    }
    with open(f"{assets}/scene.json", "w") as out:
        json.dump(scene, out, ensure_ascii=False, separators=(",", ":"))
        out.write("\n")
    fixture(values, data, saved, fixture_path)
    print(sum(tensor.numel() * tensor.element_size() for tensor in written.values()) / 1e6, "MB",
          sum(tensor.numel() for tensor in values.values()) / 1e6, "M parameters")


if __name__ == "__main__":
    main(*sys.argv[1:])
