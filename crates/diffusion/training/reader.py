"""Trains the reader: the network that turns a prompt into a scene.

    python reader.py PACKAGES WORDNET ATLAS RUN --steps N
"""
import argparse
import json
import os
import time
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F

import backgrounds
import captions
import colours
import concepts as taken
import stored
from models import Reader

TRIGRAMS, LONGEST = 2048, 64


def trigrams(word):
    """Buckets of the trigrams of `<word>`: FNV-1a, 32 bits, of their UTF-8 bytes."""
    marked = f"<{word}>"
    found = []
    for i in range(max(1, len(marked) - 2)):
        value = 0x811C9DC5
        for byte in marked[i:i + 3].encode():
            value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
        found.append(value % TRIGRAMS)
    return found


class Coder:
    def __init__(self, vocabulary):
        self.index = {word: i + 1 for i, word in enumerate(vocabulary)}
        self.cache = {}

    def grams(self, word):
        if word not in self.cache:
            self.cache[word] = trigrams(word)
        return self.cache[word]

    def batch(self, lists, rng=None):
        """Words of many captions as tensors. With `rng` some words are made unknown, so that trigrams learn."""
        n = max(len(words) for words in lists)
        ids, grams, offsets = np.zeros((len(lists), n), np.int64), [], []
        mask = np.zeros((len(lists), n + 1), bool)
        for b, words in enumerate(lists):
            mask[b, :len(words) + 1] = True
            for i in range(n):
                offsets.append(len(grams))
                if i < len(words):
                    word = words[i]
                    hide = rng is not None and rng.uniform() < 0.1
                    ids[b, i] = 0 if hide else self.index.get(word, 0)
                    if rng is not None and len(word) > 4 and rng.uniform() < 0.02:
                        k = rng.integers(1, len(word) - 1)
                        word, ids[b, i] = word[:k] + word[k + 1:], 0
                    grams += self.grams(word)
                else:
                    grams.append(0)
        return [torch.from_numpy(ids), torch.tensor(grams), torch.tensor(offsets), torch.from_numpy(mask)]


def targets(samples):
    n = max(len(words) for words, _, _ in samples)
    per_word = np.full((len(samples), n, 5), -100, np.int64)
    for b, (words, labels, _) in enumerate(samples):
        per_word[b, :len(words), 0] = labels[:, 0]
        heads = labels[:, 0] > 0
        per_word[b, :len(words), 1:][heads] = labels[heads, 1:]
    return torch.from_numpy(per_word), torch.tensor([whole for _, _, whole in samples])


def sizes(labels):
    kinds, names = len(backgrounds.KINDS) + 1, len(colours.NAMES) + 1
    return [len(labels) + 1, captions.MOST, names, len(captions.SIZES), len(captions.RELATIONS), kinds, names, len(taken.STYLES) + 1]


def judge(model, coder, source, count=2000):
    samples = [source.make() for _ in range(count)]
    per_word, whole = targets(samples)
    with torch.no_grad():
        answer = model(*coder.batch([words for words, _, _ in samples]))
    right, exact = {}, torch.ones(count, dtype=torch.bool)
    for k, name in enumerate(Reader.HEADS):
        truth = per_word[..., k] if k < 5 else whole[:, k - 5]
        known = truth != -100
        if k == 0:
            heads = truth > 0
            right["concept"] = float((answer[name].argmax(-1) == truth)[heads].float().mean())
        else:
            right[name] = float((answer[name].argmax(-1) == truth)[known].float().mean())
        same = (answer[name].argmax(-1) == truth) | ~known
        exact &= same.all(1) if k < 5 else same
    return {name: round(value, 4) for name, value in right.items()} | {"whole": round(float(exact.float().mean()), 4)}


def start(model, path, coder):
    values = stored.part(stored.load(path), "reader")
    table = model.word.weight.detach().clone()
    for row, word in enumerate(json.load(open(f"{os.path.dirname(path)}/scene.json"))["words"], 1):
        if word in coder.index:
            table[coder.index[word]] = values["word.weight"][row]
    model.load_state_dict({**values, "word.weight": table})


def main():
    parser = argparse.ArgumentParser()
    for name in ("packages", "wordnet", "atlas", "run"):
        parser.add_argument(name)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=160)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--init", metavar="SAFETENSORS", help="start from the weights that ship; words they lack start at random")
    options = parser.parse_args()
    os.makedirs(options.run, exist_ok=True)
    torch.manual_seed(0)
    labels = sorted({entry["concept"] for entry in json.load(open(f"{options.atlas}/sprites.json"))})
    lexicon = captions.Lexicon(options.packages, options.wordnet, labels)
    source = captions.Captions(lexicon, 1)
    counts = Counter(word for _ in range(60000) for word in source.make()[0])
    vocabulary = sorted(word for word, count in counts.items() if count >= 3)
    coder = Coder(vocabulary)
    model = Reader(len(vocabulary) + 1, TRIGRAMS, sizes(labels))
    print(len(vocabulary), "words", sum(p.numel() for p in model.parameters()) / 1e6, "M", flush=True)
    if options.init:
        start(model, options.init, coder)
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    rng = np.random.default_rng(2)
    log, begin, running = open(f"{options.run}/reader.log", "a"), time.time(), 0.0
    for step in range(options.steps):
        for group in optimiser.param_groups:
            group["lr"] = options.rate * min(1, (step + 1) / 100) * (1 - step / options.steps) ** 0.7
        samples = [source.make() for _ in range(options.batch)]
        per_word, whole = targets(samples)
        with torch.autocast("cpu", torch.bfloat16):
            answer = model(*coder.batch([words for words, _, _ in samples], rng))
        loss = 0
        for k, name in enumerate(Reader.HEADS):
            truth = per_word[..., k] if k < 5 else whole[:, k - 5]
            loss = loss + F.cross_entropy(answer[name].float().flatten(0, -2), truth.flatten()) * (2.0 if k == 0 else 1.0)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        running = 0.98 * running + 0.02 * float(loss.detach())
        last = step + 1 == options.steps
        if step % 200 == 199 or last:
            line = {"step": step + 1, "loss": round(running, 4), "minutes": round((time.time() - begin) / 60, 1)}
            if step % 1000 == 999 or last:
                line |= judge(model, coder, captions.Captions(lexicon, 99))
                torch.save({"model": model.state_dict(), "vocabulary": vocabulary, "labels": labels}, f"{options.run}/reader.pt")
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            log.flush()


if __name__ == "__main__":
    main()
