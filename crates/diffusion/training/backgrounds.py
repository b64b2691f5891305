"""Backgrounds from formulas, at any resolution: the same seed gives the same scene.

Each is a function (u, v, random generator, colour) -> sRGB 0..1, with u to the right and v downwards in 0..1.
"""
import numpy as np

from colours import TARGETS, from_oklab, smooth

# kind: words for it, the usual one first. A kind in COLOURED takes a colour.
KINDS = {
    "plain": ["background"], "gradient": ["gradient background", "gradient"], "dots": ["polka dot background", "dotted background", "polka dots"],
    "stripes": ["striped background", "stripes"], "sky": ["in the sky", "sky", "clouds"], "grass": ["on grass", "on a meadow", "in a field", "on the lawn"],
    "night": ["at night", "under the stars", "night sky"], "sea": ["in the sea", "on the ocean", "on the water"],
    "beach": ["on the beach", "at the beach", "on sand by the sea"], "snow": ["in the snow", "in winter", "on snow"],
    "desert": ["in the desert", "among dunes"], "space": ["in space", "in outer space", "among the stars"],
    "forest": ["in the forest", "in the woods", "among trees"], "mountains": ["in the mountains", "in front of mountains", "with mountains"],
    "sunset": ["at sunset", "at dusk", "at sunrise"], "city": ["in the city", "in front of a skyline", "in town"],
    "room": ["in a room", "indoors", "at home"], "underwater": ["underwater", "under the sea", "deep in the ocean"],
    "road": ["on a road", "on the street", "on the highway"], "flowers": ["in a flower field", "among flowers", "in a garden"],
}
COLOURED = ["plain", "gradient", "dots", "stripes"]
GROUNDED = ["grass", "snow", "desert", "beach", "forest", "mountains", "city", "room", "road", "flowers", "sunset"]


def colour(rng, name, spread=0.05):
    light, chroma, hue = TARGETS[name]
    light = np.clip(light + rng.normal(0, spread * 0.7), 0.05, 0.98)
    chroma = max(0.0, chroma * (0.85 + rng.normal(0, 0.08))) if chroma else 0.0
    angle = np.deg2rad(hue + rng.normal(0, 5))
    return np.array([light, chroma * np.cos(angle), chroma * np.sin(angle)], np.float32)


def lch(light, chroma, hue):
    angle = np.deg2rad(hue)
    return np.array([light, chroma * np.cos(angle), chroma * np.sin(angle)], np.float32)


def mix(a, b, t):
    return a * (1 - t[..., None]) + b * t[..., None]


def over(base, top, mask):
    return base * (1 - mask[..., None]) + top * mask[..., None]


def fill(u, lab):
    return np.broadcast_to(lab, u.shape + (3,)).astype(np.float32)


def edge(distance, u):
    """Antialiased inside (positive distance) of a shape, for pixels of this size."""
    return np.clip(distance * u.shape[1] + 0.5, 0, 1)


def hills(u, v, rng, level, height, waves):
    line = np.full_like(u, level)
    for k in range(1, waves + 1):
        line = line + height / k * np.sin(2 * np.pi * (u * k * rng.uniform(0.6, 1.2) + rng.uniform()))
    return edge(v - line, u)


def clouds(u, v, rng, lab, count, lowest):
    for _ in range(count):
        x, y, size = rng.uniform(-0.05, 1.05), rng.uniform(0.04, lowest), rng.uniform(0.05, 0.11)
        mask = np.zeros_like(u)
        for _ in range(4):
            dx, dy, r = rng.uniform(-1.3, 1.3) * size, rng.uniform(-0.3, 0.1) * size, size * rng.uniform(0.5, 0.9)
            mask = np.maximum(mask, edge(r - np.hypot(u - x - dx, (v - y - dy) * 1.35), u))
        mask = mask * edge(y + 0.35 * size - v, u)
        lab = over(lab, lch(0.97, 0.01, 250), mask * 0.92)
    return lab


def stars(u, v, rng, lab, count, lowest=1.0):
    for _ in range(count):
        x, y, r = rng.uniform(), rng.uniform(0, lowest), rng.choice([0.004, 0.006, 0.009], p=[0.5, 0.35, 0.15])
        lab = over(lab, lch(0.96, 0.03, 95), edge(r - np.hypot(u - x, v - y), u))
    return lab


def plain(u, v, rng, name):
    return fill(u, colour(rng, name))


def gradient(u, v, rng, name):
    base, angle = colour(rng, name), rng.uniform(0, 2 * np.pi)
    other = np.array([np.clip(base[0] + rng.choice([-1, 1]) * rng.uniform(0.12, 0.25), 0.08, 0.97), *(base[1:] * rng.uniform(0.5, 1.1))], np.float32)
    t = smooth((u - 0.5) * np.cos(angle) + (v - 0.5) * np.sin(angle), -0.6, 0.6)
    return mix(base, other, t)


def dots(u, v, rng, name):
    base, n = colour(rng, name), rng.integers(5, 9)
    other = base + np.array([0.12 if base[0] < 0.75 else -0.12, 0, 0], np.float32)
    row = np.floor(v * n)
    x, y = (u * n + 0.5 * (row % 2)) % 1 - 0.5, (v * n) % 1 - 0.5
    return over(fill(u, base), other, edge((0.24 - np.hypot(x, y)) / n, u))


def stripes(u, v, rng, name):
    base, n = colour(rng, name), rng.integers(4, 9)
    other = base + np.array([0.1 if base[0] < 0.75 else -0.1, 0, 0], np.float32)
    angle = rng.choice([0, np.pi / 2, np.pi / 4])
    phase = ((u * np.cos(angle) + v * np.sin(angle)) * n) % 1
    return over(fill(u, base), other, edge((0.25 - np.abs(phase - 0.5)) / n, u))


def heaven(u, v, rng, low=(0.9, 0.05, 235)):
    return mix(lch(rng.uniform(0.66, 0.76), 0.12, rng.uniform(235, 250)), lch(*low), smooth(v, 0, 0.75))


def sky(u, v, rng, _):
    return clouds(u, v, rng, heaven(u, v, rng), rng.integers(3, 7), 0.95)


def grass(u, v, rng, _):
    lab = clouds(u, v, rng, heaven(u, v, rng), rng.integers(1, 4), 0.35)
    hue, light = rng.uniform(128, 142), rng.uniform(0.68, 0.76)
    lab = over(lab, lch(light, 0.16, hue), hills(u, v, rng, rng.uniform(0.55, 0.62), 0.04, 2))
    return over(lab, lch(light - 0.08, 0.17, hue + 4), hills(u, v, rng, rng.uniform(0.7, 0.78), 0.03, 2))


def night(u, v, rng, _):
    lab = mix(lch(0.2, 0.08, rng.uniform(265, 285)), lch(0.34, 0.11, rng.uniform(270, 295)), smooth(v, 0, 1))
    lab = stars(u, v, rng, lab, rng.integers(18, 36), 0.85)
    if rng.uniform() < 0.6:
        x, y, r = rng.uniform(0.12, 0.88), rng.uniform(0.1, 0.28), rng.uniform(0.05, 0.09)
        disc = edge(r - np.hypot(u - x, v - y), u)
        if rng.uniform() < 0.6:
            disc = disc * (1 - edge(r - np.hypot(u - x - 0.55 * r, v - y + 0.2 * r), u))
        lab = over(lab, lch(0.95, 0.08, 95), disc)
    return over(lab, lch(0.17, 0.06, 275), hills(u, v, rng, rng.uniform(0.82, 0.9), 0.03, 2))


def sea(u, v, rng, _):
    lab = clouds(u, v, rng, heaven(u, v, rng), rng.integers(1, 4), 0.3)
    level, hue = rng.uniform(0.45, 0.55), rng.uniform(228, 250)
    for k in range(4):
        line = level + k * 0.14 + 0.012 * np.sin(2 * np.pi * (u * rng.uniform(3, 5) + rng.uniform()))
        lab = over(lab, lch(0.66 - 0.06 * k, 0.12, hue), edge(v - line, u))
    return lab


def beach(u, v, rng, _):
    lab = clouds(u, v, rng, heaven(u, v, rng), rng.integers(1, 4), 0.28)
    level = rng.uniform(0.38, 0.46)
    lab = over(lab, lch(0.64, 0.12, rng.uniform(225, 240)), edge(v - level, u))
    line = level + rng.uniform(0.12, 0.18) + 0.015 * np.sin(2 * np.pi * (u * rng.uniform(1.5, 3) + rng.uniform()))
    lab = over(lab, lch(0.97, 0.01, 220), edge(v - line, u))
    return over(lab, lch(0.88, 0.07, rng.uniform(80, 92)), edge(v - line - 0.025, u))


def snow(u, v, rng, _):
    lab = mix(lch(rng.uniform(0.7, 0.8), 0.06, 245), lch(0.92, 0.025, 240), smooth(v, 0, 0.6))
    lab = over(lab, lch(0.93, 0.02, 245), hills(u, v, rng, rng.uniform(0.55, 0.63), 0.04, 2))
    lab = over(lab, lch(0.975, 0.008, 240), hills(u, v, rng, rng.uniform(0.7, 0.78), 0.03, 2))
    for _ in range(rng.integers(15, 30)):
        x, y, r = rng.uniform(), rng.uniform(0, 0.75), rng.uniform(0.005, 0.012)
        lab = over(lab, lch(1.0, 0, 0), edge(r - np.hypot(u - x, v - y), u))
    return lab


def desert(u, v, rng, _):
    lab = mix(lch(0.8, 0.09, rng.uniform(225, 245)), lch(0.93, 0.05, 85), smooth(v, 0, 0.55))
    x, y, r = rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.22), rng.uniform(0.05, 0.08)
    lab = over(lab, lch(0.95, 0.12, 95), edge(r - np.hypot(u - x, v - y), u))
    for k, (level, light) in enumerate([(0.55, 0.82), (0.66, 0.77), (0.8, 0.72)]):
        lab = over(lab, lch(light, 0.1, rng.uniform(68, 78)), hills(u, v, rng, level + rng.uniform(-0.03, 0.03), 0.05, 2))
    return lab


def space(u, v, rng, _):
    lab = mix(lch(0.14, 0.05, rng.uniform(270, 300)), lch(0.24, 0.1, rng.uniform(280, 310)), smooth(np.hypot(u - rng.uniform(), v - rng.uniform()), 0.1, 0.9))
    lab = stars(u, v, rng, lab, rng.integers(30, 50))
    if rng.uniform() < 0.7:
        x, y, r = rng.choice([0.1, 0.9]) + rng.uniform(-0.06, 0.06), rng.uniform(0.1, 0.9), rng.uniform(0.06, 0.14)
        planet = lch(rng.uniform(0.6, 0.75), 0.13, rng.uniform(0, 360))
        disc = edge(r - np.hypot(u - x, v - y), u)
        lab = over(lab, planet, disc)
        lab = over(lab, planet + np.array([-0.14, 0, 0], np.float32), disc * (1 - edge(r - np.hypot(u - x + 0.35 * r, v - y + 0.3 * r), u)))
    return lab


def forest(u, v, rng, _):
    lab = mix(lch(0.86, 0.07, 200), lch(0.9, 0.07, 130), smooth(v, 0, 0.6))
    for level, light in ((0.6, 0.62), (0.68, 0.5)):
        count = rng.integers(7, 11)
        mask = edge(v - level, u)
        for k in range(count):
            x, top, width = (k + rng.uniform(0.1, 0.9)) / count, level - rng.uniform(0.25, 0.48), rng.uniform(0.05, 0.08)
            reach = width * np.clip((v - top) / (level - top), 0, 1)
            mask = np.maximum(mask, edge(np.minimum(reach - np.abs(u - x), v - top), u) * (v < level + 0.02))
        lab = over(lab, lch(light, 0.12, rng.uniform(140, 152)), mask)
    return over(lab, lch(0.68, 0.15, rng.uniform(125, 138)), hills(u, v, rng, rng.uniform(0.72, 0.78), 0.02, 2))


def mountains(u, v, rng, _):
    lab = clouds(u, v, rng, heaven(u, v, rng), rng.integers(1, 3), 0.25)
    for level, light, hue in ((0.62, 0.66, 262), (0.66, 0.55, 265)):
        for _ in range(3):
            x, top, slope = rng.uniform(0, 1), rng.uniform(0.22, 0.42), rng.uniform(0.7, 1.1)
            body = np.minimum((v - top) - slope * np.abs(u - x), level + 0.1 - v)
            lab = over(lab, lch(light, 0.06, hue), edge(body, u))
            cap = (v - top) - slope * np.abs(u - x)
            lab = over(lab, lch(0.96, 0.01, 250), edge(np.minimum(cap, top + 0.08 + 0.015 * np.sin(u * 60) - v), u))
    return over(lab, lch(0.68, 0.15, rng.uniform(128, 140)), hills(u, v, rng, rng.uniform(0.64, 0.7), 0.025, 2))


def sunset(u, v, rng, _):
    lab = mix(lch(0.5, 0.14, rng.uniform(300, 330)), lch(0.82, 0.15, rng.uniform(55, 75)), smooth(v, 0, 0.62))
    x, r = rng.uniform(0.25, 0.75), rng.uniform(0.1, 0.16)
    lab = over(lab, lch(0.93, 0.13, 92), edge(r - np.hypot(u - x, v - rng.uniform(0.5, 0.6)), u))
    lab = over(lab, lch(0.42, 0.1, rng.uniform(330, 350)), hills(u, v, rng, rng.uniform(0.62, 0.68), 0.03, 2))
    return over(lab, lch(0.3, 0.08, rng.uniform(310, 330)), hills(u, v, rng, rng.uniform(0.76, 0.82), 0.03, 2))


def city(u, v, rng, _):
    lab = heaven(u, v, rng, (0.93, 0.03, 230))
    for low, light in ((0.5, 0.76), (0.4, 0.62)):
        x = rng.uniform(-0.1, 0)
        while x < 1:
            width, top = rng.uniform(0.08, 0.16), rng.uniform(0.75 - low, 0.62)
            body = np.minimum(np.minimum(u - x, x + width - u), v - top)
            lab = over(lab, lch(light + rng.uniform(-0.05, 0.05), 0.04, rng.uniform(240, 280)), edge(body, u))
            if light < 0.7:
                wx, wy = ((u - x) / 0.035) % 1, ((v - top) / 0.05) % 1
                panes = (wx > 0.3) * (wx < 0.75) * (wy > 0.35) * (wy < 0.75) * (u > x + 0.012) * (u < x + width - 0.012) * (v > top + 0.01)
                lab = over(lab, lch(0.9, 0.09, 92), panes * 0.85)
            x += width + rng.uniform(0, 0.02)
    return over(lab, lch(0.5, 0.015, 260), edge(v - 0.76, u))


def room(u, v, rng, _):
    wall = lch(rng.uniform(0.8, 0.92), rng.uniform(0.03, 0.08), rng.uniform(0, 360))
    lab, level = fill(u, wall), rng.uniform(0.64, 0.7)
    floor = lch(rng.uniform(0.58, 0.7), 0.07, rng.uniform(50, 70))
    lab = over(lab, floor, edge(v - level, u))
    lab = over(lab, lch(0.97, 0.005, 90), edge(np.minimum(v - level + 0.025, level - v), u))
    if rng.uniform() < 0.7:
        x, y, w = rng.choice([0.16, 0.84]), rng.uniform(0.24, 0.32), rng.uniform(0.09, 0.12)
        box = np.minimum(w - np.abs(u - x), w * 1.2 - np.abs(v - y))
        lab = over(lab, lch(0.97, 0.01, 90), edge(box, u))
        lab = over(lab, lch(0.83, 0.08, 235), edge(np.minimum(box - 0.015, np.minimum(np.abs(u - x), np.abs(v - y)) - 0.006), u))
    return lab


def underwater(u, v, rng, _):
    hue = rng.uniform(220, 245)
    lab = mix(lch(0.72, 0.11, hue - 10), lch(0.38, 0.12, hue + 12), smooth(v, 0, 1))
    for _ in range(4):
        x, tilt = rng.uniform(0, 1), rng.uniform(-0.3, 0.3)
        lab = over(lab, lch(0.85, 0.07, hue - 15), 0.22 * edge(0.05 + 0.06 * v - np.abs(u - x - tilt * v), u) * (1 - v))
    for _ in range(rng.integers(6, 12)):
        x, y, r = rng.uniform(), rng.uniform(0.05, 0.8), rng.uniform(0.008, 0.02)
        ring = edge(r - np.hypot(u - x, v - y), u) - edge(r * 0.7 - np.hypot(u - x, v - y), u)
        lab = over(lab, lch(0.95, 0.03, hue), ring * 0.8)
    return over(lab, lch(0.78, 0.07, 85), hills(u, v, rng, rng.uniform(0.86, 0.92), 0.02, 2))


def road(u, v, rng, _):
    lab = clouds(u, v, rng, heaven(u, v, rng), rng.integers(1, 4), 0.3)
    lab = over(lab, lch(0.7, 0.15, rng.uniform(128, 140)), hills(u, v, rng, rng.uniform(0.52, 0.58), 0.025, 2))
    level = rng.uniform(0.66, 0.7)
    lab = over(lab, lch(0.45, 0.01, 260), edge(np.minimum(v - level, 0.98 - v), u))
    dash = np.minimum(0.012 - np.abs(v - level - 0.15), 0.3 / 5 - np.abs(((u * 5 + rng.uniform()) % 1 - 0.5) / 5))
    return over(lab, lch(0.96, 0.02, 95), edge(dash, u))


def flowers(u, v, rng, _):
    lab = grass(u, v, rng, None)
    for _ in range(rng.integers(14, 24)):
        x, y = rng.uniform(), rng.uniform(0.66, 0.97)
        r, hue = 0.008 + 0.018 * (y - 0.6), rng.uniform(0, 360)
        petal = np.zeros_like(u)
        for k in range(5):
            petal = np.maximum(petal, edge(r - np.hypot(u - x - 1.1 * r * np.cos(1.2566 * k), v - y - 1.1 * r * np.sin(1.2566 * k)), u))
        lab = over(lab, lch(0.8, 0.13, hue), petal)
        lab = over(lab, lch(0.9, 0.15, 95), edge(0.8 * r - np.hypot(u - x, v - y), u))
    return lab


def draw(kind, name, seed, side):
    """Background `kind` in colour `name` (for those that have one) as uint8 RGB, side x side."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side
    u, v = np.meshgrid(axis, axis)
    lab = globals()[kind](u, v, np.random.default_rng(seed), name)
    return np.round(from_oklab(lab) * 255).astype(np.uint8)
