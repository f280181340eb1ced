"""The pictures derived from an original: one for the vision model, one thumbnail. Deterministic, without metadata."""

import io
from dataclasses import dataclass

from PIL import Image

from contracts.imaging import RenditionKind

MODEL_EDGE = 1568
"""Long edge in pixels beyond which the vision models scale down themselves."""
THUMBNAIL_EDGE = 400
MODEL_MAX_BYTES = 5 * 1024 * 1024 * 3 // 4
"""Vision models take 5 MB of base64, which is 3/4 of that in bytes."""

_JPEG_QUALITIES = (85, 70, 50)
_WEBP_QUALITY = 80
_DRAWN_SAMPLE = (256, 256)
_DRAWN_MAX_COLOURS = 4096
# Sharp letters are worth some bytes: lossless is kept while it is at most this many times the JPEG.
_LOSSLESS_MAX_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class Rendition:
    """A derived picture: its bytes, and its description in the event."""

    kind: RenditionKind
    data: bytes
    media_type: str
    extension: str
    width: int
    height: int


def fit(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """Width and height scaled so that the long edge is at most `edge`; never enlarged, never below one pixel."""
    longest = max(size)
    if longest <= edge:
        return size
    return max(1, round(size[0] * edge / longest)), max(1, round(size[1] * edge / longest))


def looks_drawn(picture: Image.Image) -> bool:
    """Whether a picture is a screenshot or drawing rather than a photo: few colours in a sample of its pixels.

    Drawn pictures have hundreds of colours in 65,536 sampled pixels, photos more than 10,000.
    """
    sample = picture.resize(_DRAWN_SAMPLE, Image.Resampling.NEAREST)
    return sample.getcolors(_DRAWN_MAX_COLOURS) is not None


def make_model_rendition(picture: Image.Image, *, drawn: bool) -> Rendition:
    """The picture for the vision model: PNG where that keeps text sharp at a fair size, otherwise JPEG.

    `picture` is upright sRGB, already at most `MODEL_EDGE` long.
    """
    jpeg = _jpeg(picture)
    if drawn:
        png = _save(picture, "PNG", compress_level=6)
        if len(png) <= min(_LOSSLESS_MAX_RATIO * len(jpeg), MODEL_MAX_BYTES):
            return Rendition(RenditionKind.MODEL, png, "image/png", "png", *picture.size)
    return Rendition(RenditionKind.MODEL, jpeg, "image/jpeg", "jpg", *picture.size)


def make_thumbnail(picture: Image.Image) -> Rendition:
    """A WebP of at most `THUMBNAIL_EDGE` for lists, from the upright sRGB picture."""
    size = fit(picture.size, THUMBNAIL_EDGE)
    small = picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)
    data = _save(small, "WEBP", quality=_WEBP_QUALITY, method=4)
    return Rendition(RenditionKind.THUMBNAIL, data, "image/webp", "webp", *size)


def _jpeg(picture: Image.Image) -> bytes:
    for quality in _JPEG_QUALITIES:
        data = _save(picture, "JPEG", quality=quality, subsampling="4:2:0", optimize=True)
        if len(data) <= MODEL_MAX_BYTES:
            break
    return data


def _save(picture: Image.Image, image_format: str, **options: object) -> bytes:
    clean = picture.copy()
    clean.info = {}  # PNG and JPEG writers copy profiles and comments of the original from here
    buffer = io.BytesIO()
    clean.save(buffer, image_format, **options)
    return buffer.getvalue()
