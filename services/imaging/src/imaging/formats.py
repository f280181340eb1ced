"""Which format an original has, told from its first bytes and nothing else.

One format is chosen before any decoder sees the file, so that a file is only ever given to the decoder of the
format it claims: file names and declared media types play no part.
"""

from dataclasses import dataclass

from imaging.errors import ImageRejection, RejectedImageError


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """A format we decode: its name in Pillow and its media type."""

    pillow: str
    media_type: str


JPEG = ImageFormat("JPEG", "image/jpeg")
PNG = ImageFormat("PNG", "image/png")
GIF = ImageFormat("GIF", "image/gif")
WEBP = ImageFormat("WEBP", "image/webp")
TIFF = ImageFormat("TIFF", "image/tiff")
AVIF = ImageFormat("AVIF", "image/avif")
HEIC = ImageFormat("HEIF", "image/heic")
HEIF = ImageFormat("HEIF", "image/heif")

# (offset, bytes) pairs that must all be there.
_SIGNATURES: tuple[tuple[ImageFormat, tuple[tuple[int, bytes], ...]], ...] = (
    (JPEG, ((0, b"\xff\xd8\xff"),)),
    (PNG, ((0, b"\x89PNG\r\n\x1a\n"),)),
    (GIF, ((0, b"GIF87a"),)),
    (GIF, ((0, b"GIF89a"),)),
    (WEBP, ((0, b"RIFF"), (8, b"WEBP"))),
    (TIFF, ((0, b"II*\x00"),)),
    (TIFF, ((0, b"MM\x00*"),)),
)

# Images all the same, but of formats nobody asked for or whose decoders are not worth their risk.
_REFUSED: tuple[tuple[str, bytes], ...] = (
    ("BMP", b"BM"),
    ("ICO", b"\x00\x00\x01\x00"),
    ("PSD", b"8BPS"),
    ("JPEG XL", b"\xff\x0a"),
    ("JPEG XL", b"\x00\x00\x00\x0cJXL "),
    ("JPEG 2000", b"\x00\x00\x00\x0cjP  "),
    ("JPEG 2000", b"\xff\x4f\xff\x51"),
    ("OpenEXR", b"\x76\x2f\x31\x01"),
    ("QOI", b"qoif"),
    ("BigTIFF", b"II+\x00"),
    ("BigTIFF", b"MM\x00+"),
)

_BRANDS: tuple[tuple[ImageFormat, frozenset[bytes]], ...] = (
    (AVIF, frozenset({b"avif", b"avis"})),
    (HEIC, frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})),
    (HEIF, frozenset({b"mif1", b"mif2", b"msf1"})),
)
_MAX_FTYP_BYTES = 256


def identify(original: bytes) -> ImageFormat:
    """The format of the original; `RejectedImageError` if it is empty, no image, or of a format not accepted."""
    if not original:
        raise RejectedImageError(ImageRejection.ZERO_SIZE, "The file is empty.")
    for image_format, parts in _SIGNATURES:
        if all(original.startswith(magic, offset) for offset, magic in parts):
            return image_format
    if original[4:8] == b"ftyp":
        return _by_brands(original)
    for name, magic in _REFUSED:
        if original.startswith(magic):
            raise RejectedImageError(ImageRejection.UNSUPPORTED_FORMAT, f"{name} files are not accepted.")
    if _looks_like_svg(original):
        raise RejectedImageError(ImageRejection.UNSUPPORTED_FORMAT, "SVG files are not accepted.")
    raise RejectedImageError(ImageRejection.NOT_AN_IMAGE, "The file does not begin like any image format.")


def _by_brands(original: bytes) -> ImageFormat:
    """AVIF and HEIC share the ISO base media container; the brands in its `ftyp` box tell them apart from video."""
    end = min(int.from_bytes(original[:4], "big"), len(original), _MAX_FTYP_BYTES)
    brands = [original[8:12], *(original[at : at + 4] for at in range(16, end - 3, 4))]
    for image_format, known in _BRANDS:
        if not known.isdisjoint(brands):
            return image_format
    raise RejectedImageError(ImageRejection.NOT_AN_IMAGE, "The file is a media container without a still image.")


def _looks_like_svg(original: bytes) -> bool:
    head = original[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!doctype")) and b"<svg" in head)
