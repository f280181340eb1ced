"""What type of file some bytes are, identified by their beginning alone.

File names and declared media types are claims of the sender and play no part. Whether the rest of the file is sound is
for its decoder to find out. Why no library does this: docs/decisions/0009.
"""

from dataclasses import dataclass
from typing import Final

__all__ = [
    "AVIF",
    "BIG_TIFF",
    "BMP",
    "EXR",
    "GIF",
    "HEIC",
    "HEIF",
    "ICO",
    "ISO_MEDIA",
    "JPEG",
    "JPEG_2000",
    "JPEG_XL",
    "MATROSKA",
    "PDF",
    "PNG",
    "PSD",
    "QOI",
    "SVG",
    "TIFF",
    "WEBP",
    "ZIP",
    "FileType",
    "identify",
]


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file: its media type, its usual extension, its name, and the common name of such a file."""

    media_type: str
    extension: str
    name: str
    description: str

    @property
    def is_image(self) -> bool:
        """Whether it is a picture of any kind."""
        return self.media_type.startswith("image/")


PNG: Final = FileType("image/png", "png", "PNG", "a PNG picture")
JPEG: Final = FileType("image/jpeg", "jpg", "JPEG", "a JPEG picture")
WEBP: Final = FileType("image/webp", "webp", "WebP", "a WebP picture")
GIF: Final = FileType("image/gif", "gif", "GIF", "a GIF picture")
HEIC: Final = FileType("image/heic", "heic", "HEIC", "a HEIC picture")
HEIF: Final = FileType("image/heif", "heif", "HEIF", "a HEIF picture")
AVIF: Final = FileType("image/avif", "avif", "AVIF", "an AVIF picture")
TIFF: Final = FileType("image/tiff", "tiff", "TIFF", "a TIFF picture")
BIG_TIFF: Final = FileType("image/tiff", "tiff", "BigTIFF", "a BigTIFF picture")
BMP: Final = FileType("image/bmp", "bmp", "BMP", "a BMP picture")
ICO: Final = FileType("image/vnd.microsoft.icon", "ico", "ICO", "a Windows icon")
PSD: Final = FileType("image/vnd.adobe.photoshop", "psd", "PSD", "a Photoshop document")
JPEG_XL: Final = FileType("image/jxl", "jxl", "JPEG XL", "a JPEG XL picture")
JPEG_2000: Final = FileType("image/jp2", "jp2", "JPEG 2000", "a JPEG 2000 picture")
EXR: Final = FileType("image/x-exr", "exr", "OpenEXR", "an OpenEXR picture")
QOI: Final = FileType("image/qoi", "qoi", "QOI", "a QOI picture")
SVG: Final = FileType("image/svg+xml", "svg", "SVG", "an SVG drawing")
PDF: Final = FileType("application/pdf", "pdf", "PDF", "a PDF document")
ISO_MEDIA: Final = FileType("video/mp4", "mp4", "MP4", "a video")
MATROSKA: Final = FileType("video/matroska", "mkv", "Matroska", "a video")
ZIP: Final = FileType("application/zip", "zip", "ZIP", "a ZIP archive")

# (offset, bytes) pairs that must all be there; the first row that fits decides.
_SIGNATURES: Final[tuple[tuple[FileType, tuple[tuple[int, bytes], ...]], ...]] = (
    (PNG, ((0, b"\x89PNG\r\n\x1a\n"),)),
    (JPEG, ((0, b"\xff\xd8\xff"),)),
    (WEBP, ((0, b"RIFF"), (8, b"WEBP"))),
    (GIF, ((0, b"GIF87a"),)),
    (GIF, ((0, b"GIF89a"),)),
    (TIFF, ((0, b"II*\x00"),)),
    (TIFF, ((0, b"MM\x00*"),)),
    (BMP, ((0, b"BM"),)),
    (PSD, ((0, b"8BPS"),)),
    (JPEG_XL, ((0, b"\xff\x0a"),)),
    (JPEG_XL, ((0, b"\x00\x00\x00\x0cJXL "),)),
    (JPEG_2000, ((0, b"\x00\x00\x00\x0cjP  "),)),
    (JPEG_2000, ((0, b"\xff\x4f\xff\x51"),)),
    (EXR, ((0, b"\x76\x2f\x31\x01"),)),
    (QOI, ((0, b"qoif"),)),
    (BIG_TIFF, ((0, b"II+\x00"),)),
    (BIG_TIFF, ((0, b"MM\x00+"),)),
    (PDF, ((0, b"%PDF-"),)),
    (MATROSKA, ((0, b"\x1aE\xdf\xa3"),)),
    (ZIP, ((0, b"PK\x03\x04"),)),
    # Its brands are more specific. The size of its first box may look like an icon, and like nothing else above.
    (ISO_MEDIA, ((4, b"ftyp"),)),
    (ICO, ((0, b"\x00\x00\x01\x00"),)),
)

# The specific brands first: files often list the general `mif1` beside their own.
_BRANDS: Final[tuple[tuple[FileType, frozenset[bytes]], ...]] = (
    (AVIF, frozenset({b"avif", b"avis"})),
    (HEIC, frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})),
    (HEIF, frozenset({b"mif1", b"mif2", b"msf1"})),
)
_BRAND_BYTES: Final = 256
_TEXT_BYTES: Final = 1024


def identify(content: bytes) -> FileType | None:
    """The type of the file that begins with these bytes; None where it is unknown. A kilobyte is enough."""
    for file_type, pieces in _SIGNATURES:
        if all(content.startswith(piece, offset) for offset, piece in pieces):
            return _by_brand(content) if file_type is ISO_MEDIA else file_type
    return SVG if _is_svg(content[:_TEXT_BYTES]) else None


def _by_brand(content: bytes) -> FileType:
    """The type by the brands in the `ftyp` box (ISO/IEC 14496-12); a video where they name no still image."""
    end = min(int.from_bytes(content[:4], "big"), len(content), _BRAND_BYTES)
    # The major brand at 8; then four bytes of minor version; then the compatible brands.
    brands = {content[start : start + 4] for start in (8, *range(16, end - 3, 4)) if start + 4 <= end}
    return next((file_type for file_type, known in _BRANDS if not known.isdisjoint(brands)), ISO_MEDIA)


def _is_svg(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!doctype")) and b"<svg" in text)
