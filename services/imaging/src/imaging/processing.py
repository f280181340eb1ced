"""The domain: an original's bytes become renditions and what is known of the picture.

Any input ends as `ProcessedImage` or `RejectedImageError`. Memory and time are bounded by `Limits` only as far as a
file's header is correct; `imaging.isolation` bounds them also where it is not.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pillow_heif
from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from chassis.media_type import GIF, HEIC, HEIF, JPEG, TIFF, FileType
from contracts.imaging import Exif
from imaging import renditions
from imaging.colour import to_plain, to_srgb
from imaging.errors import ImageRejection, RejectedImageError
from imaging.exif import read_exif, read_orientation
from imaging.faults import decoding
from imaging.formats import DECODERS, accepted_format
from imaging.limits import DEFAULT_LIMITS, Limits
from imaging.phash import difference_hash
from imaging.renditions import Rendition
from imaging.structure import count_gif_frames

# Decoders are loaded here once, so that a forked child finds them instead of importing them for every picture.
_DECODERS = (
    AvifImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
Image.preinit()
pillow_heif.register_heif_opener()
Image.WARN_POSSIBLE_FORMATS = True  # `imaging.faults` reads the reasons
ImageFile.LOAD_TRUNCATED_IMAGES = False

# Of the pixels as stored: how to turn them upright (EXIF 2.3, tag 0x0112).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})
_SINGLE_FRAME = frozenset({JPEG, TIFF, HEIC, HEIF})


@dataclass(frozen=True, slots=True)
class ProcessedImage:
    """The result of processing an original. Width and height are the original's in pixels, after orientation."""

    media_type: str
    width: int
    height: int
    frames: int
    model: Rendition
    thumbnail: Rendition
    exif: Exif | None
    phash: str


def process(original: bytes, *, keep_location: bool = False, limits: Limits = DEFAULT_LIMITS) -> ProcessedImage:
    """Decode, turn upright, bring to sRGB, shrink: the same bytes give the same result for one version of Pillow.

    Raises `RejectedImageError` for everything that is wrong with the file.
    """
    image_format = accepted_format(original)
    most = limits.max_jpeg_pixels if image_format == JPEG else limits.max_pixels
    with _decoders_refusing(more_than=most):
        return _process(original, image_format, most, limits, keep_location=keep_location)


@contextmanager
def _decoders_refusing(*, more_than: int) -> Iterator[None]:
    """Decoders also check sizes that appear later in a file (frames, tiles); their limit is Pillow's own, for all."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = more_than
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _process(
    original: bytes, image_format: FileType, most: int, limits: Limits, *, keep_location: bool
) -> ProcessedImage:
    with decoding("read its header", original, image_format):
        picture: Image.Image = Image.open(io.BytesIO(original), formats=[DECODERS[image_format]])
    with picture:
        stored = picture.size
        _check_pixels(stored, most)
        frames = _count_frames(picture, original, image_format, limits)
        small = _decode_small(picture, original, image_format, most)
        # After decoding: PNG may carry EXIF behind the pixels.
        orientation = read_orientation(picture)
        exif = read_exif(picture, keep_location=keep_location)
        icc_profile = picture.info.get("icc_profile")
    with decoding("convert its colours", original, image_format):
        drawn = renditions.looks_drawn(small)
        upright = _upright(to_srgb(_shrink(small), icc_profile), orientation)
    return ProcessedImage(
        media_type=image_format.media_type,
        width=stored[1] if orientation in _SIDEWAYS else stored[0],
        height=stored[0] if orientation in _SIDEWAYS else stored[1],
        frames=frames,
        model=renditions.make_model_rendition(upright, drawn=drawn),
        thumbnail=renditions.make_thumbnail(upright),
        exif=exif,
        phash=difference_hash(upright),
    )


def _check_pixels(size: tuple[int, int], most: int) -> None:
    if size[0] * size[1] > most:
        raise RejectedImageError(
            ImageRejection.TOO_MANY_PIXELS,
            f"The picture has {size[0]} x {size[1]} pixels; at most {most:,} are accepted.",
        )


def _count_frames(picture: Image.Image, original: bytes, image_format: FileType, limits: Limits) -> int:
    if image_format in _SINGLE_FRAME:
        return 1  # further pages, previews and bursts are not an animation
    if image_format == GIF:
        frames = count_gif_frames(original, limits.max_frames)
    else:
        with decoding("count its frames", original, image_format):
            frames = int(getattr(picture, "n_frames", 1))
    if frames > limits.max_frames:
        raise RejectedImageError(
            ImageRejection.TOO_MANY_FRAMES, f"The animation has more than {limits.max_frames:,} frames."
        )
    return max(frames, 1)


def _decode_small(picture: Image.Image, original: bytes, image_format: FileType, most: int) -> Image.Image:
    """The first frame's pixels in a plain mode; a big JPEG is decoded at a fraction of its size."""
    with decoding("decode its pixels", original, image_format):
        if image_format == JPEG:
            picture.draft(None, renditions.fit(picture.size, renditions.MODEL_EDGE))
        picture.load()
        _check_pixels(picture.size, most)  # some decoders know the true size only now
        return to_plain(picture)


def _shrink(picture: Image.Image) -> Image.Image:
    size = renditions.fit(picture.size, renditions.MODEL_EDGE)
    if size == picture.size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    turn = _UPRIGHT.get(orientation)
    return picture if turn is None else picture.transpose(turn)
