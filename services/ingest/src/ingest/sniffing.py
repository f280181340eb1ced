"""What kind of picture some bytes are, told from the bytes alone.

Names and declared types are hints of the sender and are never asked. Only the beginning is looked at; whether the rest
is sound is for the imaging service to find out.
"""

from dataclasses import dataclass

from contracts.ingest import UploadRejection
from ingest.errors import UnacceptableError

#: More than any signature needs; the brands of an ISO media file come first in it.
HEAD_BYTES = 256


@dataclass(frozen=True, slots=True)
class Kind:
    """A media type with the extension that stored names carry."""

    media_type: str
    extension: str


PNG = Kind("image/png", "png")
JPEG = Kind("image/jpeg", "jpg")
WEBP = Kind("image/webp", "webp")
GIF = Kind("image/gif", "gif")
HEIC = Kind("image/heic", "heic")
HEIF = Kind("image/heif", "heif")
AVIF = Kind("image/avif", "avif")
TIFF = Kind("image/tiff", "tiff")

ACCEPTED = (PNG, JPEG, WEBP, GIF, HEIC, HEIF, AVIF, TIFF)
ACCEPTED_TYPES = frozenset(kind.media_type for kind in ACCEPTED)

#: Pieces (offset, bytes) that must all be there.
_SIGNATURES: tuple[tuple[Kind, tuple[tuple[int, bytes], ...]], ...] = (
    (PNG, ((0, b"\x89PNG\r\n\x1a\n"),)),
    (JPEG, ((0, b"\xff\xd8\xff"),)),
    (WEBP, ((0, b"RIFF"), (8, b"WEBP"))),
    (GIF, ((0, b"GIF87a"),)),
    (GIF, ((0, b"GIF89a"),)),
    (TIFF, ((0, b"II*\x00"),)),
    (TIFF, ((0, b"MM\x00*"),)),
)

#: Brands of ISO media files (`ftyp`), the telling ones first: files often list the general `mif1` beside their own.
_BRANDS: tuple[tuple[Kind, frozenset[bytes]], ...] = (
    (AVIF, frozenset({b"avif", b"avis"})),
    (HEIC, frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})),
    (HEIF, frozenset({b"mif1", b"mif2", b"msf1"})),
)

#: What people try besides; it is named in the answer.
_REFUSED: tuple[tuple[str, int, bytes], ...] = (
    ("a BMP picture", 0, b"BM"),
    ("a Windows icon", 0, b"\x00\x00\x01\x00"),
    ("a Photoshop document", 0, b"8BPS"),
    ("a JPEG XL picture", 0, b"\xff\x0a"),
    ("a JPEG XL picture", 0, b"\x00\x00\x00\x0cJXL "),
    ("a JPEG 2000 picture", 0, b"\x00\x00\x00\x0cjP  "),
    ("a BigTIFF picture", 0, b"II+\x00"),
    ("a BigTIFF picture", 0, b"MM\x00+"),
    ("an SVG drawing", 0, b"<svg"),
    ("a PDF document", 0, b"%PDF-"),
    ("a video", 4, b"ftyp"),
    ("a video", 0, b"\x1aE\xdf\xa3"),
    ("a ZIP archive", 0, b"PK\x03\x04"),
)


def sniff(content: bytes) -> Kind:
    """The kind of picture that the bytes begin like.

    Raises:
        UnacceptableError: nothing is there, or it is no picture of a kind we take.
    """
    if not content:
        raise UnacceptableError(UploadRejection.EMPTY, "the file is empty")
    head = content[:HEAD_BYTES]
    for kind, pieces in _SIGNATURES:
        if all(head[offset : offset + len(piece)] == piece for offset, piece in pieces):
            return kind
    brands = _ftyp_brands(head)
    for kind, names in _BRANDS:
        if brands & names:
            return kind
    for what, offset, piece in _REFUSED:
        if head[offset : offset + len(piece)] == piece:
            raise UnacceptableError(UploadRejection.UNSUPPORTED_TYPE, f"this is {what}; {_wanted()}")
    raise UnacceptableError(UploadRejection.NOT_AN_IMAGE, f"this is not a picture; {_wanted()}")


def _ftyp_brands(head: bytes) -> frozenset[bytes]:
    """The brands in the `ftyp` box (ISO/IEC 14496-12), 4 bytes each; none where the head is no such box."""
    if head[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    # The major brand at 8; then four bytes of minor version; then the compatible brands.
    return frozenset(head[start : start + 4] for start in (8, *range(16, end - 3, 4)) if start + 4 <= end)


def _wanted() -> str:
    return "send " + ", ".join(kind.media_type.removeprefix("image/") for kind in ACCEPTED)
