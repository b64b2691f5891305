"""Other watermarks behind one line protocol, for `cargo xtask robustness --peers`.

Started with the name of one peer. Prints {"ready": true}, or {"missing": reason} and ends. Then
each line read is a request and each line written its answer:

    {"mark": PATH, "to": PATH, "bits": "0110..."}  ->  {"done": true}
    {"read": PATH, "count": 64}                    ->  {"bits": "0110..."}

and {"error": reason} where the peer refuses. Paths are lossless pictures.

Needs numpy, opencv-python-headless, PyWavelets, onnxruntime, and without their dependencies
invisible-watermark==0.2.0 and blind-watermark==0.4.4.
"""

import json
import sys
import types


def stand_in_for_torch():
    """The seven names of torch that invisible-watermark uses around onnxruntime, over numpy."""
    import numpy

    class Tensor(numpy.ndarray):
        def permute(self, *axes):
            return self.transpose(*axes)

        def unsqueeze(self, axis):
            return numpy.expand_dims(self, axis).view(Tensor)

        def detach(self):
            return self

        cpu = detach

        def numpy(self):
            return numpy.asarray(self)

    torch = types.ModuleType("torch")
    torch.from_numpy = lambda array: array.view(Tensor)
    torch.clamp = lambda tensor, min, max: numpy.clip(tensor, min, max).view(Tensor)
    return torch


def invisible_watermark(method):
    """dwtDct, dwtDctSvd or rivaGan of the package invisible-watermark."""
    sys.modules["torch"] = stand_in_for_torch()
    from imwatermark import WatermarkDecoder, WatermarkEncoder

    if method == "rivaGan":
        WatermarkEncoder.loadModel()

    def mark(picture, bits):
        encoder = WatermarkEncoder()
        encoder.set_watermark("bits", bits)
        return encoder.encode(picture, method)

    def read(picture, count):
        return WatermarkDecoder("bits", count).decode(picture, method)

    return mark, read


def blind_watermark():
    """The package blind-watermark with its default passwords."""
    from blind_watermark import WaterMark

    def mark(picture, bits):
        writer = WaterMark(password_img=1, password_wm=1)
        writer.read_img(img=picture)
        writer.read_wm([bit == 1 for bit in bits], mode="bit")
        return writer.embed()

    def read(picture, count):
        reader = WaterMark(password_img=1, password_wm=1)
        return reader.extract(embed_img=picture, wm_shape=count, mode="bit")

    return mark, read


def answer(request, mark, read):
    """What one request is answered."""
    import cv2
    import numpy

    if "mark" in request:
        bits = [int(bit) for bit in request["bits"]]
        marked = mark(cv2.imread(request["mark"]), bits)
        cv2.imwrite(request["to"], numpy.clip(numpy.rint(marked), 0, 255).astype(numpy.uint8))
        return {"done": True}
    bits = read(cv2.imread(request["read"]), request["count"])
    return {"bits": "".join("1" if float(bit) >= 0.5 else "0" for bit in bits)}


def main():
    replies, sys.stdout = sys.stdout, sys.stderr  # the packages print greetings

    def reply(value):
        print(json.dumps(value), file=replies, flush=True)

    name = sys.argv[-1]
    try:
        import cv2  # noqa: F401

        peer = blind_watermark() if name == "blind_watermark" else invisible_watermark(name)
    except ImportError as reason:
        reply({"missing": str(reason)})
        return
    reply({"ready": True})
    for line in sys.stdin:
        try:
            reply(answer(json.loads(line), *peer))
        except Exception as reason:  # a peer may refuse a picture in any way
            reply({"error": str(reason)})


main()
