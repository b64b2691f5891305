"""What the scripts of all families share: weights and noise from integers, and the form of a fixture.

A fixture is NAME.json and NAME.safetensors. The JSON has every text file of a model folder as `save_pretrained` wrote
it, and of every weight file the names and shapes of its tensors; the values come from `hashed`, here and in the test.
The safetensors file has inputs and outputs. Needs torch, diffusers and transformers (requirements.txt).
"""

import hashlib
import json
import math
import pathlib
import sys
import tempfile

import numpy
import torch
from safetensors import safe_open
from safetensors.torch import save_file

# transformers asks this of builds with CUDA, also where there is none.
torch.cuda.is_current_stream_capturing = lambda: False
torch.set_grad_enabled(False)
HERE = pathlib.Path(__file__).parent


def fnv(text):
    """FNV-1a of 32 bits."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def hashed(name, count):
    """`count` numbers from -1 to 1 that depend on the name alone."""
    word = numpy.arange(count, dtype=numpy.uint64) * 0x9E3779B9 + fnv(name) & 0xFFFFFFFF
    word = (word ^ word >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    word = (word ^ word >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    word ^= word >> 16
    return ((word >> 8) / float(1 << 23) - 1.0).astype(numpy.float32)


def weight(name, shape):
    """A weight: matrices keep the variance of what they are multiplied with, norms are about 1, biases small."""
    values = hashed(name, math.prod(shape))
    if len(shape) >= 2 and "gamma" not in name:
        values = values * numpy.float32(math.sqrt(3.0 / math.prod(shape[1:])))
    elif name.endswith("weight") or "gamma" in name:
        values = values * numpy.float32(0.1) + numpy.float32(1.0)
    else:
        values = values * numpy.float32(0.1)
    return torch.from_numpy(values.reshape(shape))


def inputs(name, *shape):
    """A tensor to put in."""
    return torch.from_numpy(hashed("input " + name, math.prod(shape)).reshape(shape)) * 1.7


def philox(seed, stream, count):
    """The generator of the crate's `noise` module, from its description."""
    blocks = numpy.arange((count + 3) // 4, dtype=numpy.uint64)
    mask = numpy.uint64(0xFFFFFFFF)
    low = lambda value: numpy.uint64(value & 0xFFFFFFFF)
    c = [blocks & mask, blocks >> numpy.uint64(32), low(stream) + 0 * blocks, low(stream >> 32) + 0 * blocks]
    k = [low(seed), low(seed >> 32)]
    for turn in range(10):
        if turn:
            k = [k[0] + numpy.uint64(0x9E3779B9) & mask, k[1] + numpy.uint64(0xBB67AE85) & mask]
        p0, p1 = c[0] * numpy.uint64(0xD2511F53), c[2] * numpy.uint64(0xCD9E8D57)
        c = [(p1 >> numpy.uint64(32)) ^ c[1] ^ k[0], p1 & mask, (p0 >> numpy.uint64(32)) ^ c[3] ^ k[1], p0 & mask]
    u = [(word.astype(numpy.float64) + 0.5) / 4294967296.0 for word in c]
    pairs = []
    for a, b in ((u[0], u[1]), (u[2], u[3])):
        radius, angle = numpy.sqrt(-2 * numpy.log(a)), 2 * numpy.pi * b
        pairs += [radius * numpy.cos(angle), radius * numpy.sin(angle)]
    return numpy.stack(pairs, 1).reshape(-1)[:count].astype(numpy.float32)


def noise(seed, *shape):
    """Noise that a picture starts from."""
    return torch.from_numpy(philox(seed, 0, math.prod(shape)).reshape(shape))


def byte_tokens():
    """The characters that byte-level tokenizers use for the 256 bytes, in the order of the bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shown, extra = {byte: chr(byte) for byte in plain}, 0
    for byte in range(256):
        if byte not in shown:
            shown[byte] = chr(256 + extra)
            extra += 1
    return [shown[byte] for byte in range(256)]


class Fixture:
    """Collects what a test needs and writes it."""

    def __init__(self, name):
        self.name, self.tensors = name, {}

    def put(self, name, tensor):
        self.tensors[name] = tensor.detach().to(torch.float32 if tensor.is_floating_point() else torch.int64).contiguous()

    def folder(self, pipeline, **options):
        """Keeps the pipeline's folder as it saves itself, but for the weights, and returns what loads from it."""
        self.files, self.weights = {}, {}
        with tempfile.TemporaryDirectory() as folder:
            pipeline.save_pretrained(folder, **options)
            for path in sorted(pathlib.Path(folder).rglob("*")):
                place = path.relative_to(folder).as_posix()
                if path.suffix == ".safetensors":
                    with safe_open(path, "pt") as file:
                        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}
                    self.weights[place] = shapes
                    values = {name: weight(name, shape) for name, shape in shapes.items()}
                    save_file(values, path, {"format": "pt"})
                elif path.is_file():
                    self.files[place] = path.read_text()
            pipeline = type(pipeline).from_pretrained(folder)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def write(self):
        scripts = [HERE / "common.py", pathlib.Path(sys.argv[0]).resolve()]
        digest = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in scripts}
        folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
        text = {"scripts": digest, "files": self.files, "weights": self.weights}
        (folder / f"{self.name}.json").write_text(json.dumps(text, indent=1, ensure_ascii=True) + "\n")
        save_file(dict(sorted(self.tensors.items())), folder / f"{self.name}.safetensors")


def picture(image):
    """A picture as the pipelines return it (0 to 1, height x width x 3), as a tensor."""
    return torch.from_numpy(numpy.asarray(image))
