"""A learned autoencoder behind one line protocol, for `cargo xtask robustness --autoencoder`.

Started with the path of two checkpoints up to `_encoder.pth` and `_decoder.pth`. Prints
{"ready": true}, or {"missing": reason} and ends. Then each line read is a request and each line
written its answer:

    {"from": PATH, "to": PATH, "width": W, "height": H, "noise": S, "seed": N}  ->  {"done": true}

and {"error": reason} if it fails. Paths are files of interleaved RGB bytes, row by row. Noise is
added to the latent, S times its standard deviation.

The checkpoints are those of https://github.com/madebyollin/taesd (MIT): taesd, taesdxl, taesd3, taef1 or
taef2, as they are published. Needs numpy, onnx and onnxruntime; torch is not needed.
"""

import collections
import json
import pickle
import sys
import zipfile

STEP = 8  # pixels to a sample of the latent


class Storages(pickle.Unpickler):
    """Reads the tensors of a checkpoint and refuses everything else that a pickle can ask for."""

    TYPES = {"HalfStorage": "<f2", "FloatStorage": "<f4"}

    def __init__(self, archive):
        self.archive = archive
        self.pickled = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
        super().__init__(archive.open(self.pickled))

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.tensor
        if module == "torch" and name in self.TYPES:
            return self.TYPES[name]
        raise pickle.UnpicklingError(f"the checkpoint holds {module}.{name}, which is no weight")

    def persistent_load(self, identity):
        import numpy

        _, kind, key, _, _ = identity
        folder = self.pickled.removesuffix("data.pkl")
        return numpy.frombuffer(self.archive.read(f"{folder}data/{key}"), kind)

    @staticmethod
    def tensor(storage, offset, size, stride, *_):
        import numpy

        strides = [step * storage.itemsize for step in stride]
        view = numpy.lib.stride_tricks.as_strided(storage[offset:], size, strides)
        return view.astype("f4")


def weights(path):
    """Name to array."""
    with zipfile.ZipFile(path) as archive:
        return Storages(archive).load()


class Graph:
    """An ONNX graph that grows at its end, named by `last`."""

    def __init__(self, tensors):
        self.tensors, self.nodes, self.constants, self.last = tensors, [], [], "input"

    def constant(self, values, kind="f4"):
        import numpy
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numpy.asarray(values, kind), name))
        return name

    def add(self, operator, *others, **attributes):
        """Applies an operator to the end and other inputs."""
        from onnx import helper

        inputs, output = [self.last, *others], f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        self.last = output
        return output

    def convolution(self, name, stride=1):
        kernel = self.tensors[f"{name}.weight"]
        bias = self.tensors.get(f"{name}.bias")
        given = [self.constant(t) for t in (kernel, bias) if t is not None]
        around = [kernel.shape[-1] // 2] * 4
        self.add("Conv", *given, pads=around, strides=[stride] * 2)

    def group_norm(self, name, groups=4):
        """Spelled out, for the operator of that name came late."""
        scale, offset = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        source = self.last
        shape = self.add("Shape")
        self.last = source
        self.add("Reshape", self.constant([1, groups, -1], "i8"))
        self.add("InstanceNormalization", self.constant([1] * groups), self.constant([0] * groups))
        self.add("Reshape", shape)
        self.add("Mul", self.constant(scale.reshape(-1, 1, 1)))
        self.add("Add", self.constant(offset.reshape(-1, 1, 1)))

    def block(self, name):
        """Three convolutions beside a connection that skips them; maybe a global branch before."""
        if f"{name}.pool.0.weight" in self.tensors:
            entered = self.last
            self.convolution(f"{name}.pool.0")
            self.group_norm(f"{name}.pool.1")
            self.add("Relu")
            self.convolution(f"{name}.pool.3")
            self.add("Add", entered)
        skipped = self.last
        for layer in (0, 2, 4):
            self.convolution(f"{name}.conv.{layer}")
            if layer < 4:
                self.add("Relu")
        self.add("Add", skipped)
        self.add("Relu")

    def doubled(self):
        factors = self.constant([1, 1, 2, 2])
        placing = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        self.add("Resize", "", factors, mode="nearest", **placing)

    def session(self):
        import onnxruntime
        from onnx import TensorProto, helper

        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, None, None])
            for name in ("input", self.last)
        ]
        graph = helper.make_graph(self.nodes, "network", ends[:1], ends[1:], self.constants)
        opset = [helper.make_opsetid("", 13)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        providers = onnxruntime.get_available_providers()
        return onnxruntime.InferenceSession(model.SerializeToString(), providers=providers)


def layers(tensors):
    """Numbers of the layers that have weights, in order."""
    return sorted({int(name.split(".")[0]) for name in tensors})


def encoder(tensors):
    """A convolution without a bias halves the picture."""
    graph = Graph(tensors)
    for number in layers(tensors):
        if f"{number}.conv.0.weight" in tensors:
            graph.block(number)
        else:
            graph.convolution(number, stride=1 if f"{number}.bias" in tensors else 2)
    return graph.session()


def decoder(tensors):
    """The latent is limited softly; a convolution without a bias follows a doubling."""
    graph = Graph(tensors)
    graph.add("Div", graph.constant(3))
    graph.add("Tanh")
    graph.add("Mul", graph.constant(3))
    first = min(layers(tensors))
    for number in layers(tensors):
        if f"{number}.conv.0.weight" in tensors:
            graph.block(number)
            continue
        if f"{number}.bias" not in tensors:
            graph.doubled()
        graph.convolution(number)
        if number == first:
            graph.add("Relu")
    return graph.session()


def round_trip(request, encode, decode):
    """Encodes and decodes one picture."""
    import numpy

    width, height = request["width"], request["height"]
    picture = numpy.fromfile(request["from"], numpy.uint8).reshape(height, width, 3)
    # The borders repeat up to a whole number of samples of the latent.
    picture = numpy.pad(picture, ((0, -height % STEP), (0, -width % STEP), (0, 0)), "edge")
    values = (picture.transpose(2, 0, 1)[None] / 255).astype("f4")
    (latent,) = encode.run(None, {"input": values})
    if request["noise"] > 0:
        drawn = numpy.random.default_rng(request["seed"]).standard_normal(latent.shape, "f4")
        latent = latent + numpy.float32(request["noise"]) * latent.std() * drawn
    (values,) = decode.run(None, {"input": latent})
    out = values[0].transpose(1, 2, 0)[:height, :width]
    numpy.rint(out.clip(0, 1) * 255).astype(numpy.uint8).tofile(request["to"])
    return {"done": True}


def main():
    replies, sys.stdout = sys.stdout, sys.stderr  # the packages may print

    def reply(value):
        print(json.dumps(value), file=replies, flush=True)

    prefix = sys.argv[-1]
    try:
        networks = (
            encoder(weights(f"{prefix}_encoder.pth")),
            decoder(weights(f"{prefix}_decoder.pth")),
        )
    except Exception as reason:  # a package, a file or a weight is missing
        reply({"missing": f"{type(reason).__name__}: {reason}"})
        return
    reply({"ready": True})
    for line in sys.stdin:
        try:
            reply(round_trip(json.loads(line), *networks))
        except Exception as reason:  # such as too little memory for the picture
            reply({"error": f"{type(reason).__name__}: {reason}"})


main()
