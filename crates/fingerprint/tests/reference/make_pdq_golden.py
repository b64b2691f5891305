"""Prints the PDQ reference's hashes of pictures made by integer arithmetic.

    pip install pdqhash==0.2.8 numpy
    python3 make_pdq_golden.py > pdq_golden.txt

`pdqhash` wraps Meta's C++ reference. `tests/pdq_reference.rs` makes the same pictures.
A line: seed width height quality hash(as is) and the seven other rotated and mirrored versions.
"""

import numpy as np
import pdqhash

PICTURES = [
    (15, 64, 64), (2, 128, 96), (3, 333, 217), (4, 640, 480), (5, 97, 500), (6, 1024, 700), (7, 5, 5),
    (8, 65, 64), (9, 129, 128), (10, 1000, 37), (11, 257, 256), (12, 800, 801), (13, 5, 300), (0, 200, 150),
]


def mix(value):
    value = value.astype(np.uint32)
    value = (value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    value = (value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return value ^ (value >> np.uint32(16))


def picture(seed, width, height):
    """8-bit RGB; seed 0 is flat."""
    y, x = np.mgrid[0:height, 0:width].astype(np.uint32)
    channels = []
    for channel in range(3):
        total = np.zeros((height, width), np.uint32)
        if seed:
            for octave in range(2, 8):
                cell = mix((x >> np.uint32(octave)) + (y >> np.uint32(octave)) * np.uint32(65537)
                           + np.uint32(seed * 1000003 + octave * 10007 + channel // 2 * 101))
                total += (cell & np.uint32(255)) * np.uint32(1 << octave)
        channels.append((total // np.uint32(252) + (x * np.uint32(seed)) % np.uint32(29)).astype(np.uint32) % np.uint32(256))
    return np.stack(channels, axis=2).astype(np.uint8)


def hexadecimal(bits):
    return f"{int(''.join(str(int(bit)) for bit in bits), 2):064x}"


for seed, width, height in PICTURES:
    image = np.ascontiguousarray(picture(seed, width, height))
    own, quality = pdqhash.compute(image)
    dihedral, _ = pdqhash.compute_dihedral(image)
    hashes = [own, *dihedral[1:]]
    print(seed, width, height, quality, *map(hexadecimal, hashes))
