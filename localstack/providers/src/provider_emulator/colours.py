"""Colour statistics of a picture: named colours, brightness, and whether it is drawn or photographed."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

_NAMED = {
    "black": (20, 20, 22),
    "dark grey": (70, 70, 74),
    "grey": (136, 136, 138),
    "light grey": (205, 205, 208),
    "white": (250, 250, 250),
    "red": (200, 40, 40),
    "orange": (235, 140, 40),
    "yellow": (240, 215, 70),
    "green": (60, 150, 70),
    "teal": (40, 150, 150),
    "blue": (50, 90, 190),
    "light blue": (140, 190, 230),
    "purple": (120, 70, 160),
    "pink": (235, 150, 175),
    "brown": (120, 75, 45),
    "beige": (222, 200, 165),
}
_SAMPLE_EDGE = 256
_LEAST_SHARE = 0.06
_ONE_COLOUR = 0.5
_EIGHT_COLOURS = 0.7
_EQUAL_NEIGHBOURS = 0.75


@dataclass(frozen=True, slots=True)
class Colours:
    """Named colours by share (largest first), brightness 0..1, saturation 0..1, `drawn`, and `sky`.

    `sky` means that the upper quarter is smooth, bluish or bright, and that the lower half is darker.
    """

    names: tuple[str, ...]
    brightness: float
    saturation: float
    drawn: bool
    sky: bool


def colours_of(image: Image.Image) -> Colours:
    """Statistics of an RGB image over a nearest-neighbour sample of 256 x 256 pixels."""
    sample = image.resize((_SAMPLE_EDGE, _SAMPLE_EDGE), Image.Resampling.NEAREST)
    pixels = np.asarray(sample, np.float32)
    palette = sample.quantize(6, method=Image.Quantize.MEDIANCUT, kmeans=0)
    entries = palette.getpalette() or []
    counts = Counter[str]()
    for index, share in enumerate(np.bincount(np.asarray(palette).ravel(), minlength=6)[:6]):
        if share and len(entries) >= 3 * index + 3:
            counts[_nearest(entries[3 * index : 3 * index + 3])] += int(share)
    total = _SAMPLE_EDGE * _SAMPLE_EDGE
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    names = tuple(name for name, count in ordered if count / total >= _LEAST_SHARE)[:3]
    high, low = pixels.max(axis=2), pixels.min(axis=2)
    saturation = float(np.mean((high - low) / np.maximum(high, 1)))
    return Colours(
        names=names,
        brightness=round(float(pixels.mean()) / 255, 3),
        saturation=round(saturation, 3),
        drawn=_is_drawn(image, pixels),
        sky=_has_sky(pixels),
    )


def _nearest(rgb: list[int]) -> str:
    return min(_NAMED, key=lambda name: sum((a - b) ** 2 for a, b in zip(rgb, _NAMED[name], strict=True)))


def _is_drawn(image: Image.Image, pixels: npt.NDArray[np.float32]) -> bool:
    """Whether one colour covers half the picture, or few colours do and neighbours are equal.

    Counting distinct colours would do for PNG, but a JPEG rendition of a screenshot has thousands.
    """
    coarse = pixels.astype(np.int32) >> 3
    shares = np.sort(np.bincount((coarse[..., 0] << 10 | coarse[..., 1] << 5 | coarse[..., 2]).ravel()))[::-1]
    total = int(shares.sum())
    if shares[0] / total > _ONE_COLOUR:
        return True
    grey = np.asarray(image.convert("L"), np.int16)
    equal = float(np.mean(np.diff(grey, axis=1) == 0)) if grey.shape[1] > 1 else 1.0
    return bool(shares[:8].sum() / total > _EIGHT_COLOURS and equal > _EQUAL_NEIGHBOURS)


def _has_sky(pixels: npt.NDArray[np.float32]) -> bool:
    top, bottom = pixels[: _SAMPLE_EDGE // 4], pixels[_SAMPLE_EDGE // 2 :]
    red, _, blue = top.reshape(-1, 3).mean(axis=0)
    smooth = float(np.mean(np.abs(np.diff(top.mean(axis=2), axis=1)) < 6)) > 0.8
    return bool(smooth and top.mean() > bottom.mean() + 20 and (blue > red + 12 or top.mean() > 170))
