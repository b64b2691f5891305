"""Reads the model as it ships."""
from safetensors.torch import load_file


def load(path):
    """All weights by name, single precision."""
    stored = load_file(path)
    scaled = {name for name in stored if name + ".scale" in stored}
    scales = {name + ".scale" for name in scaled}
    return {name: tensor.float() * stored[name + ".scale"][:, None] if name in scaled else tensor.float()
            for name, tensor in stored.items() if name not in scales}


def part(values, prefix):
    """The weights of one network, without its name."""
    return {name[len(prefix) + 1:]: tensor for name, tensor in values.items() if name.startswith(prefix + ".")}
