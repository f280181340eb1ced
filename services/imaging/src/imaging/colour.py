"""Converts any pixels to displayable ones: sRGB, eight bits a channel, on white."""

import io

from PIL import Image, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
_WHITE = (255, 255, 255)
_WIDE_GREY = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
# Colour space an ICC profile must have for a mode; applied to another mode it would be wrong or fail.
_SPACE_OF_MODE = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}


def to_plain(picture: Image.Image) -> Image.Image:
    """The picture in a mode that can be resized without loss of meaning: L, RGB, RGBA, CMYK or LAB.

    Raises ValueError for a mode that has no conversion.
    """
    mode = picture.mode
    if mode in _WIDE_GREY:
        return _narrow(picture)
    if mode == "1":
        return picture.convert("L")
    if mode in _ALPHA or "transparency" in picture.info:
        return picture.convert("RGBA")
    if mode in ("L", "RGB", "CMYK", "LAB"):
        return picture
    return picture.convert("RGB")


def to_srgb(picture: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """A plain picture as sRGB in mode RGB: colour profile applied, transparency on white.

    A profile that is broken or of another colour space is ignored: odd colours are better than no picture.
    """
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    colours = picture.convert("RGB") if alpha is not None else picture
    converted = _apply_profile(colours, icc_profile)
    if alpha is None:
        return converted
    on_white = Image.new("RGB", converted.size, _WHITE)
    on_white.paste(converted, mask=alpha)
    return on_white


def _apply_profile(picture: Image.Image, icc_profile: bytes | None) -> Image.Image:
    if picture.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return _must(ImageCms.profileToProfile(picture, lab, _SRGB, outputMode="RGB"))
    if icc_profile:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
            if profile.profile.xcolor_space.strip() == _SPACE_OF_MODE[picture.mode]:
                return _must(
                    ImageCms.profileToProfile(
                        picture,
                        profile,
                        _SRGB,
                        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                        outputMode="RGB",
                        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
                    )
                )
        except (ImageCms.PyCMSError, OSError):
            return picture.convert("RGB")
    return picture.convert("RGB")


def _must(converted: Image.Image | None) -> Image.Image:
    if converted is None:
        raise ValueError("the colour conversion gave no picture")
    return converted


def _narrow(picture: Image.Image) -> Image.Image:
    """Grey of more than eight bits as L: 16-bit files by their full range, others stretched over what they hold."""
    values = picture if picture.mode == "F" else picture.convert("I")
    lowest, highest = values.getextrema()
    if not (isinstance(lowest, int | float) and isinstance(highest, int | float) and highest - lowest < float("inf")):
        raise ValueError("grey values have no finite range")
    if picture.mode != "F" and lowest >= 0 and highest <= 0xFFFF:
        lowest, highest = 0, 0xFFFF if picture.mode != "I" or highest > 0xFF else 0xFF
    scale = 255 / (highest - lowest) if highest > lowest else 0.0
    return values.point(lambda value: value * scale - lowest * scale).convert("L")
