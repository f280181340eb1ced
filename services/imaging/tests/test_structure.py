"""What the bytes of a file show without decoding it, one fault at a time."""

from typing import Any

import pytest

from chassis.media_type import AVIF, GIF, HEIC, HEIF, JPEG, PNG, TIFF, WEBP, FileType
from contracts.imaging import ImageRejection
from imaging.errors import RejectedImageError
from imaging.limits import Limits
from imaging.processing import _count_frames
from imaging.structure import count_gif_frames, is_cut_off


def box(size: int, *, wide: int | None = None, holds: int | None = None) -> bytes:
    """A box of ISO media that says it has `size` bytes, and holds as many as it says unless told otherwise."""
    head = size.to_bytes(4, "big") + b"mdat" + (b"" if wide is None else wide.to_bytes(8, "big"))
    return head.ljust((wide or size) if holds is None else holds, b"\x00")


RIFF = b"RIFF" + (20).to_bytes(4, "little") + b"WEBP".ljust(20, b"\x00")

COMPLETE: list[tuple[FileType, bytes]] = [
    (JPEG, b"\xff\xd8pixels\xff\xd9"),
    (JPEG, b"\xff\xd8pixels\xff\xd9and a preview"),
    (PNG, b"\x89PNG pixels IEND\xaeB`\x82"),
    (GIF, b"GIF89a pixels;"),
    (GIF, b"GIF89a pixels;\x00\x00"),
    (WEBP, RIFF),
    (WEBP, RIFF + b"more"),
    (TIFF, b"II*\x00"),
    *((kind, data) for kind in (AVIF, HEIC, HEIF) for data in (box(8), box(12) + box(20), box(1, wide=24) + box(8))),
    (HEIC, box(12) + box(0, holds=40)),
    (HEIC, box(12) + box(1, wide=24) + box(8)),
    (HEIC, box(7, holds=40)),
]
CUT_OFF: list[tuple[FileType, bytes]] = [
    (JPEG, b"\xff\xd8pixels\xff"),
    (PNG, b"\x89PNG pixels IEND\xaeB`"),
    (GIF, b"GIF89a pixels"),
    (GIF, b"GIF89a; pixels\x00"),
    (WEBP, RIFF[:-1]),
    (HEIC, box(8) + box(20)[:-1]),
    (HEIC, box(1, wide=2**56, holds=40)),
    *(
        (kind, data)
        for kind in (AVIF, HEIC, HEIF)
        for data in (box(9, holds=8), box(12) + box(20)[:-1], box(1, wide=24)[:-1], box(300, holds=299))
    ),
]


@pytest.mark.parametrize(("kind", "data"), COMPLETE)
def test_complete_files_are_not_called_cut_off(kind: FileType, data: bytes) -> None:
    assert not is_cut_off(data, kind)


@pytest.mark.parametrize(("kind", "data"), CUT_OFF)
def test_a_missing_end_is_seen(kind: FileType, data: bytes) -> None:
    assert is_cut_off(data, kind)


class Unreadable:
    """A picture whose decoder fails when its frames are counted."""

    @property
    def n_frames(self) -> int:
        raise OSError("broken data stream")


@pytest.mark.parametrize(("data", "reason"), [(RIFF, ImageRejection.CORRUPT), (RIFF[:-1], ImageRejection.TRUNCATED)])
def test_why_frames_cannot_be_counted_is_read_off_the_file(data: bytes, reason: ImageRejection) -> None:
    with pytest.raises(RejectedImageError) as raised:
        _count_frames(Unreadable(), data, WEBP, Limits())  # type: ignore[arg-type]  # all that is asked of a picture
    assert raised.value.reason is reason


HEAD = b"GIF89a\x01\x00\x01\x00"
EXTENSION = b"\x21\xf9\x04\x00\x01\x00\x00\x00"
IMAGE = b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00"


def gif(*blocks: bytes, flags: int = 0, table: bytes = b"") -> bytes:
    return HEAD + bytes([flags, 0, 0]) + table + b"".join(blocks) + b";"


def image(*, flags: int = 0, table: bytes = b"", blocks: bytes = b"\x02\x44\x01") -> bytes:
    return IMAGE + bytes([flags]) + table + b"\x02" + blocks + b"\x00"


#: Tables of colours are filled with what would be a frame, or no block at all, if it were read as one.
TABLE_2, TABLE_8 = b"\x2c" * 6, b"\x00" * 24

FRAMES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 0),
    "half a head": (HEAD, 0),
    "no frame": (gif(), 0),
    "one": (gif(image()), 1),
    "three with extensions between": (gif(*[EXTENSION + image()] * 3), 3),
    "a table of two colours": (gif(image(), flags=0x80, table=TABLE_2), 1),
    "a table of eight colours": (gif(image(), flags=0x82, table=TABLE_8), 1),
    "a size of a table that is not there": (gif(image(), image(), flags=0x07), 2),
    "a frame's own table": (gif(image(flags=0x80, table=TABLE_2), image()), 2),
    "a frame in two blocks of data": (gif(image(blocks=b"\x01\x2c\x02\x2c\x2c"), image()), 2),
    "what follows the trailer": (gif(image()) + image(), 1),
    "no block of a GIF": (gif(image(), b"\x99\x00\x00", image()), 1),
    "a frame that ends in its head": (gif()[:-1] + IMAGE, 0),
    "a frame that ends with its data": (gif()[:-1] + image()[:-1], 1),
    "a frame that ends with its head": (gif()[:-1] + IMAGE + b"\x00", 1),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_counted_by_their_blocks(name: str) -> None:
    data, frames = FRAMES[name]
    assert count_gif_frames(data, 100) == frames


@pytest.mark.parametrize(("frames", "counted"), [(4, 4), (5, 5), (6, 6), (7, 6), (100, 6)])
def test_counting_stops_one_beyond_the_limit(make: Any, frames: int, counted: int) -> None:
    assert count_gif_frames(make.gif(frames), 5) == counted
