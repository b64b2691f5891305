"""Times the embedded model in PyTorch: the background and three objects of one picture.

    python bench_torch.py ASSETS STEPS GUIDANCE THREADS RUNS

Prints JSON with seconds: one step of the painter, everything else, and the whole; the least of RUNS each.
"""
import json
import sys
import time

import torch

import captions
import sample
import stored
from decoder import unproject
from models import GRID, LATENT, Decoder, Painter, Reader
from reader import TRIGRAMS, Coder

PROMPT, LAYERS = "a red fox, a tree and a small yellow house in the snow", 4


def main(assets, steps, guidance, threads, runs):
    torch.set_num_threads(threads)
    names = json.load(open(f"{assets}/scene.json"))
    values = stored.load(f"{assets}/miniature.safetensors")
    part = lambda prefix: stored.part(values, prefix)
    kinds, concepts = len(names["kinds"]), len(names["concepts"])
    sizes = [concepts + 1, captions.MOST, 12, len(names["sizes"]), len(names["relations"]), kinds + 1, 12, len(names["styles"]) + 1]
    reader = Reader(len(names["words"]) + 1, TRIGRAMS, sizes)
    reader.load_state_dict(part("reader"))
    painter = Painter(values["painter.code.weight"].shape[0] - 1, len(names["colours"]) + 1)
    painter.load_state_dict(part("painter"), strict=False)
    decoder = Decoder().to(memory_format=torch.channels_last)
    decoder.load_state_dict(part("decoder"))
    latents = part("latents")
    coder = Coder(names["words"])

    def picture(count):
        reader(*coder.batch([captions.tokens(PROMPT)]))
        rows, colours = torch.arange(LAYERS), torch.zeros(LAYERS, dtype=torch.int64)
        x = sample.draw(painter, rows, colours, count, guidance=guidance)
        layers = decoder(unproject(x / latents["scale"], latents["mean"], latents["basis"], GRID))
        torch.nn.functional.interpolate(layers, (512, 512), mode="bicubic", antialias=True)

    def least(count):
        best = float("inf")
        for _ in range(runs):
            begin = time.perf_counter()
            picture(count)
            best = min(best, time.perf_counter() - begin)
        return best

    with torch.inference_mode():
        whole, one = least(steps), least(1)
    step = (whole - one) / (steps - 1)
    print(json.dumps({"version": torch.__version__.split("+")[0], "step": step, "rest": one - step, "whole": whole}))


if __name__ == "__main__":
    assets, steps, guidance, threads, runs = sys.argv[1:]
    main(assets, int(steps), float(guidance), int(threads), int(runs))
