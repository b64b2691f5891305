"""Weight files as the tools write them that define the formats, and what those tools read from them.

    pip install gguf==0.19.0 safetensors numpy      # and torch
    python formats.py

blocks.gguf has tensors of every type of GGUF that is read and some that are not, blocks.safetensors the values that
gguf-py makes of them; fp8.safetensors has torch's 8-bit floats and their values. formats.json names the scripts.
Values and blocks come from `hashed`, so the tests know what was quantised.
"""

import hashlib
import json
import pathlib
import sys

import gguf
import numpy
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "families"))
from common import hashed  # noqa: E402

ROWS, COLUMNS = 10, 256
# Quantised by gguf-py from known values.
QUANTISED = [Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0]
# Only read by it: where in a block the 16-bit scales lie.
SCALES = {Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}
# Written for tensors whose rows are no whole blocks, as ComfyUI-GGUF does.
RESHAPED = {"conv": (Type.Q4_0, [16, 4, 2, 4]), "narrow": (Type.Q8_0, [32, 24])}
UNREAD = {"IQ4_NL": Type.IQ4_NL, "I32": Type.I32, "F64": Type.F64}


def matrix(name):
    return hashed("values " + name, ROWS * COLUMNS).reshape(ROWS, COLUMNS)


def blocks(kind, rows, columns):
    """Blocks of any bytes, but scales that are small numbers."""
    values, length = gguf.GGML_QUANT_SIZES[kind]
    count = rows * columns // values
    noise = hashed("blocks " + kind.name, count * length)
    data = ((noise + 1) * 128).astype(numpy.uint8).reshape(count, length)
    for at in SCALES.get(kind, []):
        scale = (hashed(f"scales {kind.name} {at}", count) * 0.01).astype("<f2")
        data[:, at : at + 2] = scale.view(numpy.uint8).reshape(count, 2)
    return data.reshape(rows, -1)


def metadata(writer):
    writer.add_custom_alignment(64)
    writer.add_name("Blocks of all kinds, \u00c4pfel \u72d0\u72f8")
    writer.add_string("test.long", "long text " * 500)
    numbers = {"uint8": 255, "int8": -128, "uint16": 65535, "int16": -32768, "uint32": 2**32 - 1, "int32": -(2**31),
               "uint64": 2**53, "int64": -(2**53), "float32": 0.5, "float64": 1e-9}
    for kind, number in numbers.items():
        getattr(writer, f"add_{kind}")(f"test.{kind}", number)
    writer.add_bool("test.bool", True)
    writer.add_array("test.words", ["a", "", "general.alignment", "\u72d0\u72f8"])
    writer.add_array("test.numbers", [1, 2, 3, -4])
    writer.add_array("test.floats", [0.5, 1.5])
    writer.add_array("test.flags", [True, False])
    writer.add_array("test.nested", [[1, 2], [3], [4, 5, 6]])
    writer.add_array("test.deeper", [[["x", "y"], ["z"]], [["w"]]])
    for name, (_, shape) in RESHAPED.items():
        writer.add_array(f"comfy.gguf.orig_shape.{name}.weight", shape)


def gguf_file(folder):
    writer, values = gguf.GGUFWriter(folder / "blocks.gguf", "flux"), {}
    metadata(writer)

    def add(name, data, kind, shape=None):
        writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
        read = gguf.quants.dequantize(data, kind).astype(numpy.float32)
        values[f"{name}.weight"] = torch.from_numpy(read.reshape(shape or read.shape).copy())

    for kind in QUANTISED:
        add(kind.name, gguf.quants.quantize(matrix(kind.name), kind), kind)
    for kind in SCALES:
        add(kind.name, blocks(kind, ROWS, COLUMNS), kind)
    for name, (kind, shape) in RESHAPED.items():
        data = hashed("values " + name, numpy.prod(shape)).reshape(-1, 256)
        add(name, gguf.quants.quantize(data, kind), kind, shape)
    # One axis, and more than two.
    add("vector", hashed("values vector", 96), Type.F32)
    add("cube", gguf.quants.quantize(hashed("values cube", 384).reshape(2, 3, 64), Type.Q8_0), Type.Q8_0)
    writer.add_tensor("IQ4_NL.weight", blocks(Type.IQ4_NL, 2, 32), raw_dtype=Type.IQ4_NL)
    writer.add_tensor("I32.weight", numpy.arange(6, dtype=numpy.int32).reshape(2, 3))
    writer.add_tensor("F64.weight", numpy.arange(6, dtype=numpy.float64).reshape(2, 3))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(values, folder / "blocks.safetensors")


def fp8_file(folder):
    """Each weight beside `expected.NAME`, what torch makes of it."""
    eight = torch.float8_e4m3fn
    tensors = {"nan.weight": torch.tensor([0x7F, 0xFF], dtype=torch.uint8).view(eight)}
    every = torch.tensor([byte for byte in range(256) if byte & 0x7F != 0x7F], dtype=torch.uint8).view(eight)
    tensors |= {"all.weight": every, "expected.all": every.float()}
    scales = {"plain": {}, "comfy": {"scale_weight": torch.tensor(0.0173)},
              "comfy_row": {"scale_weight": torch.tensor([0.25])},
              "half": {"scale_weight": torch.tensor([0.0312], dtype=torch.bfloat16)},
              "vllm": {"weight_scale": torch.tensor(0.0042), "input_scale": torch.tensor(3.0)}}
    for name, beside in scales.items():
        values = torch.from_numpy(hashed("values " + name, 24 * 16)).reshape(24, 16)
        scale = next(iter(beside.values()), torch.tensor(1.0)).float()
        weight = (values / scale).clamp(-448, 448).to(eight)
        tensors |= {f"{name}.weight": weight, f"expected.{name}": weight.float() * scale}
        tensors |= {f"{name}.{which}": tensor for which, tensor in beside.items()}
    tensors["many.weight"] = torch.ones(24, 16).to(eight)
    tensors["many.weight_scale"] = torch.ones(24, 1)
    tensors["scaled_fp8"] = torch.zeros(0, dtype=eight)
    save_file(dict(sorted(tensors.items())), folder / "fp8.safetensors")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    gguf_file(folder)
    fp8_file(folder)
    scripts = ["families/common.py", "formats.py"]
    digest = {name: hashlib.sha256((HERE / name).read_bytes()).hexdigest() for name in scripts}
    (folder / "formats.json").write_text(json.dumps({"scripts": digest}, indent=1) + "\n")


main()
