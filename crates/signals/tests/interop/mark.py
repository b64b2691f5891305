"""The package invisible-watermark on raw pictures.

mark.py mark WIDTH HEIGHT bytes|floats|swapped BITS    raw RGB in, marked raw RGB out
mark.py votes WIDTH HEIGHT bytes|floats|swapped        raw RGB in, one byte (0 or 1) a block out

Exit status 3: a module is missing.
"""

import sys
import types

sys.modules["torch"] = types.ModuleType("torch")
try:
    import cv2  # noqa: F401
    import numpy as np
    from imwatermark import WatermarkEncoder
    from imwatermark.maxDct import EmbedMaxDct
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)


def handed_over(rgb, numbers):
    """What programs hand to the package, and how they turn the result back to RGB."""
    if numbers == "bytes":
        return np.ascontiguousarray(rgb[:, :, ::-1])
    floats = rgb.astype(np.float32)
    return floats if numbers == "swapped" else np.ascontiguousarray(floats[:, :, ::-1])


class Votes(EmbedMaxDct):
    """The decoder, but its votes are kept in order of the blocks."""

    def decode_frame(self, frame, scale, scores):
        rows, columns = frame.shape[0] // self._block, frame.shape[1] // self._block
        self.votes = super().decode_frame(frame, scale, [[] for _ in range(rows * columns)])
        return [[0]]


def main():
    task, width, height, what = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    rgb = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(height, width, 3)
    if task == "mark":
        encoder = WatermarkEncoder()
        encoder.set_watermark("bits", [int(bit) for bit in sys.argv[5]])
        marked = encoder.encode(handed_over(rgb, what), "dwtDct")
        if what != "swapped":
            marked = marked[:, :, ::-1]
        out = np.clip(np.round(marked), 0, 255).astype(np.uint8)
    else:
        blocks = (width // 8) * (height // 8)
        reader = Votes(wmLen=blocks)
        reader.decode(handed_over(rgb, what))
        out = np.array([vote[0] for vote in reader.votes], np.uint8)
    sys.stdout.buffer.write(out.tobytes())


main()
