"""Colours by name, in OKLab (B. Ottosson, "A perceptual color space for image processing", 2020)."""
import numpy as np

# name: (lightness 0..1, chroma, hue in degrees) in OKLCh
TARGETS = {
    "red": (0.58, 0.21, 27), "orange": (0.73, 0.17, 57), "yellow": (0.88, 0.17, 97),
    "green": (0.64, 0.18, 143), "blue": (0.56, 0.18, 257), "purple": (0.52, 0.19, 306),
    "pink": (0.77, 0.14, 354), "brown": (0.46, 0.08, 52), "black": (0.22, 0.0, 0),
    "white": (0.96, 0.0, 0), "gray": (0.62, 0.0, 0),
}
NAMES = list(TARGETS)
_M1 = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005]], np.float32)
_M2 = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660]], np.float32)
_M1I, _M2I = np.linalg.inv(_M1).astype(np.float32), np.linalg.inv(_M2).astype(np.float32)


def to_oklab(rgb):
    """sRGB 0..1 (..., 3) to OKLab."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.cbrt(linear @ _M1.T) @ _M2.T


def from_oklab(lab):
    """OKLab to sRGB, clipped to 0..1."""
    linear = np.clip((lab @ _M2I.T) ** 3 @ _M1I.T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def srgb(name):
    """The colour of a name as sRGB 0..1."""
    light, chroma, hue = TARGETS[name]
    angle = np.deg2rad(hue)
    return from_oklab(np.array([light, chroma * np.cos(angle), chroma * np.sin(angle)], np.float32))


def smooth(x, low, high):
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def dominant(rgb, alpha):
    """Dominant hue in degrees, its mean lightness and chroma, and the share of the opaque area it covers."""
    lab = to_oklab(rgb)
    chroma, hue = np.hypot(lab[..., 1], lab[..., 2]), np.rad2deg(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    weight = alpha * chroma * (chroma > 0.03)
    if weight.sum() < 1e-3:
        return 0.0, 0.6, 0.0, 0.0
    counts, _ = np.histogram(hue, bins=36, range=(0, 360), weights=weight)
    counts = counts + np.roll(counts, 1) + np.roll(counts, -1)
    middle = (int(counts.argmax()) + 0.5) * 10
    near = np.abs((hue - middle + 180) % 360 - 180) < 40
    part = near * (chroma > 0.03) * alpha
    share = float(part.sum() / max(alpha.sum(), 1e-3))
    total = max(part.sum(), 1e-3)
    return middle, float((lab[..., 0] * part).sum() / total), float((chroma * part).sum() / total), share


def recolour(rgb, alpha, name, facts):
    """The picture with its main colour changed to the named one; `facts` from `dominant`."""
    middle, light, chroma_mean, share = facts
    target_light, target_chroma, target_hue = TARGETS[name]
    lab = to_oklab(rgb)
    chroma, hue = np.hypot(lab[..., 1], lab[..., 2]), np.rad2deg(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    if share >= 0.3 and chroma_mean >= 0.06:
        near = 1 - smooth(np.abs((hue - middle + 180) % 360 - 180), 35, 65)
        mask = near * smooth(chroma, 0.02, 0.05)
    else:
        # Nothing is of one colour: everything is dyed but outlines and highlights.
        mask = smooth(lab[..., 0], 0.25, 0.4) * (1 - 0.5 * smooth(lab[..., 0], 0.95, 1.0))
        total = max((mask * alpha).sum(), 1e-3)
        light = float((lab[..., 0] * mask * alpha).sum() / total)
        chroma_mean = 0.0
    new_light = np.clip(target_light + (lab[..., 0] - light) * (0.75 if target_chroma else 0.6), 0.03, 0.99)
    scale = np.clip(chroma / chroma_mean, 0.5, 1.3) if chroma_mean > 0.02 else 1.0
    new_chroma = target_chroma * scale * np.ones_like(chroma)
    angle = np.deg2rad(target_hue)
    new = np.stack([new_light, new_chroma * np.cos(angle), new_chroma * np.sin(angle)], -1)
    mask = mask[..., None]
    return from_oklab(lab * (1 - mask) + new * mask)
