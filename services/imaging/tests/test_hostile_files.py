"""Hostile, broken and wrong files: each ends as a result or a rejection with its reason, never otherwise."""

import random
import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from imaging.errors import ImageRejection, RejectedImageError
from imaging.limits import Limits
from imaging.processing import ProcessedImage, process

SEED = 20261122
FLIPS_PER_FILE = 60


def outcome(data: bytes, **options: Any) -> ImageRejection | None:
    """The reason of a rejection, or None for a result; everything else fails the test that asks."""
    try:
        result = process(data, **options)
    except RejectedImageError as rejection:
        return rejection.reason
    assert isinstance(result, ProcessedImage)
    return None


NOT_PICTURES = {
    "nothing at all": (b"", ImageRejection.ZERO_SIZE),
    "one byte": (b"\xff", ImageRejection.NOT_AN_IMAGE),
    "text": (b"Dear Sir or Madam,\n" * 100, ImageRejection.NOT_AN_IMAGE),
    "PDF": (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj", ImageRejection.NOT_AN_IMAGE),
    "HTML": (b"<!doctype html><html><body>hello</body></html>", ImageRejection.NOT_AN_IMAGE),
    "ZIP": (b"PK\x03\x04" + bytes(100), ImageRejection.NOT_AN_IMAGE),
    "program": (b"\x7fELF" + bytes(100), ImageRejection.NOT_AN_IMAGE),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", ImageRejection.NOT_AN_IMAGE),
    "video": (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42", ImageRejection.NOT_AN_IMAGE),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', ImageRejection.UNSUPPORTED_FORMAT),
    "SVG with prologue": (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg/>', ImageRejection.UNSUPPORTED_FORMAT),
    "BMP": (b"BM" + bytes(60), ImageRejection.UNSUPPORTED_FORMAT),
    "PSD": (b"8BPS" + bytes(60), ImageRejection.UNSUPPORTED_FORMAT),
    "JPEG XL": (b"\xff\x0a" + bytes(60), ImageRejection.UNSUPPORTED_FORMAT),
    "BigTIFF": (b"II+\x00" + bytes(60), ImageRejection.UNSUPPORTED_FORMAT),
    "only a PNG signature": (b"\x89PNG\r\n\x1a\n", ImageRejection.TRUNCATED),
    "only a JPEG marker": (b"\xff\xd8\xff", ImageRejection.TRUNCATED),
    "only a GIF signature": (b"GIF89a", ImageRejection.TRUNCATED),
    "only a TIFF signature": (b"II*\x00", ImageRejection.CORRUPT),
}


@pytest.mark.parametrize("name", NOT_PICTURES)
def test_what_is_no_picture_is_rejected_with_its_reason(name: str) -> None:
    data, reason = NOT_PICTURES[name]
    with pytest.raises(RejectedImageError) as rejected:
        process(data)
    assert rejected.value.reason is reason
    assert rejected.value.detail.endswith("."), "the detail is a sentence for users"


def test_truncation_at_every_tenth_and_at_every_early_byte(sound_files: dict[str, bytes]) -> None:
    seen: Counter[ImageRejection | None] = Counter()
    for name, data in sound_files.items():
        for length in {*(len(data) * tenth // 10 for tenth in range(1, 10)), *range(1, 64), len(data) - 1}:
            reason = outcome(data[:length])
            seen[reason] += 1
            assert reason in {None, ImageRejection.TRUNCATED, ImageRejection.CORRUPT, ImageRejection.NOT_AN_IMAGE}, name
    assert seen[ImageRejection.TRUNCATED] > 300, seen


@pytest.mark.parametrize("name", ["jpeg", "png", "gif", "webp", "avif", "heic"])
def test_half_a_file_is_called_truncated(sound_files: dict[str, bytes], name: str) -> None:
    data = sound_files[name]
    assert outcome(data[: len(data) // 2]) is ImageRejection.TRUNCATED


def test_bit_flips_end_as_result_or_rejection(sound_files: dict[str, bytes]) -> None:
    dice = random.Random(SEED)
    seen: Counter[ImageRejection | None] = Counter()
    for data in sound_files.values():
        for _ in range(FLIPS_PER_FILE):
            damaged = bytearray(data)
            # Half of the flips hit the headers, where the interesting errors are.
            for _ in range(dice.randint(1, 8)):
                at = dice.randrange(min(400, len(data)) if dice.random() < 0.5 else len(data))
                damaged[at] ^= 1 << dice.randrange(8)
            seen[outcome(bytes(damaged))] += 1
    assert seen[None] > 50, seen
    assert seen[ImageRejection.CORRUPT] > 50, seen


@settings(max_examples=150)
@given(
    magic=st.sampled_from(
        [
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"II*\x00",
            b"MM\x00*",
            b"\0\0\0\x18ftypheic",
            b"\0\0\0\x18ftypavif",
            b"RIFF\x00\x01\x00\x00WEBPVP8 ",
        ]
    ),
    rest=st.binary(max_size=600),
)
def test_any_bytes_behind_any_signature(magic: bytes, rest: bytes) -> None:
    assert outcome(magic + rest) is not None


def test_wrong_extensions_do_not_matter_and_wrong_contents_do(sound_files: dict[str, bytes]) -> None:
    # Names are not even given to the domain; a file that claims one format and holds another is damaged.
    assert outcome(b"\x89PNG\r\n\x1a\n" + sound_files["jpeg"]) is ImageRejection.TRUNCATED
    assert outcome(b"GIF89a" + sound_files["png"] + b";") is ImageRejection.CORRUPT


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (100_000, 100_000, ImageRejection.TOO_MANY_PIXELS),
        (2**31 - 1, 2**31 - 1, ImageRejection.TOO_MANY_PIXELS),
        (80_001, 1000, ImageRejection.TOO_MANY_PIXELS),
        (0, 10, ImageRejection.ZERO_SIZE),
        (10, 0, ImageRejection.ZERO_SIZE),
    ],
)
def test_sizes_are_checked_before_decoding(make: Any, width: int, height: int, reason: ImageRejection) -> None:
    # A few bytes of pixel data: decoding them would answer "truncated".
    data = make.png(width, height, make.png_chunk(b"IDAT", zlib.compress(bytes(100))))
    assert outcome(data) is reason


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_the_pixel_limit_holds_for_every_format(make: Any, image_format: str) -> None:
    data = make.encode(make.photo(200, 100), image_format)
    assert outcome(data, limits=Limits(max_pixels=19_999, max_jpeg_pixels=19_999)) is ImageRejection.TOO_MANY_PIXELS
    assert outcome(data, limits=Limits(max_pixels=20_000, max_jpeg_pixels=20_000)) is None


def test_a_gif_frame_larger_than_its_canvas_counts_too() -> None:
    canvas = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    frame = b"\x2c\x00\x00\x00\x00" + struct.pack("<HH", 65_535, 65_535) + b"\x00\x02\x02\x44\x01\x00"
    assert outcome(canvas + frame + b";") is ImageRejection.TOO_MANY_PIXELS


def test_thousands_of_frames(make: Any) -> None:
    assert process(make.gif(5000)).frames == 5000
    assert outcome(make.gif(10_001)) is ImageRejection.TOO_MANY_FRAMES
    claimed = make.png(4, 4, make.png_chunk(b"acTL", struct.pack(">II", 2**30, 0)), make.png_chunk(b"IDAT", b"x"))
    assert outcome(claimed) is ImageRejection.TOO_MANY_FRAMES


def bomb(kind: bytes) -> bytes:
    packed = zlib.compress(bytes(200_000_000), 9)
    return {
        b"iTXt": b"Comment\x00\x01\x00\x00\x00" + packed,
        b"zTXt": b"Comment\x00\x00" + packed,
        b"iCCP": b"profile\x00\x00" + packed,
    }[kind]


@pytest.mark.parametrize("kind", [b"iTXt", b"zTXt", b"iCCP"])
def test_zip_bombs_in_metadata_are_not_unpacked(make: Any, kind: bytes) -> None:
    pixels = make.png_chunk(b"IDAT", zlib.compress(b"".join(b"\x00" + bytes(4) for _ in range(4))))
    assert outcome(make.png(4, 4, pixels)) is None
    assert outcome(make.png(4, 4, make.png_chunk(kind, bomb(kind)), pixels)) is ImageRejection.CORRUPT


def test_a_zip_bomb_of_pixels_unpacks_no_further_than_the_picture(make: Any) -> None:
    pixels = make.png_chunk(b"IDAT", zlib.compress(bytes(100_000_000), 9))
    assert outcome(make.png(4, 4, pixels)) in {None, ImageRejection.CORRUPT}


def test_garbage_exif_does_not_cost_the_picture(make: Any) -> None:
    dice = random.Random(SEED)
    sound = Image.Exif()
    sound[0x010F], sound[0x0112], sound[0x8769] = (
        "Example",
        6,
        {0x9003: "2026:01:01 00:00:00", 0x829A: IFDRational(1, 0)},
    )
    whole = sound.tobytes()
    read = 0
    for _ in range(150):
        garbage = bytearray(whole)
        for _ in range(dice.randint(1, 12)):
            garbage[dice.randrange(6, len(garbage))] = dice.randrange(256)
        for image_format in ("JPEG", "PNG", "WEBP"):
            result = process(make.encode(make.photo(32, 24), image_format, exif=bytes(garbage)), keep_location=True)
            assert {result.width, result.height} == {32, 24}
            read += result.exif is not None
    assert 0 < read < 450


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\x00\x00",
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\xff\xff\xff\xff\x00\x00\x00\x00",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x69\x87\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00",
        b"\xff" * 60,
    ],
    ids=["empty", "too many tags", "huge count", "directory that contains itself", "no EXIF"],
)
def test_malformed_exif_is_left_out(make: Any, exif: bytes) -> None:
    result = process(make.encode(make.photo(32, 24), "PNG", exif=exif))
    assert (result.width, result.height, result.exif) == (32, 24, None)


def test_absurd_exif_values_are_left_out(make: Any) -> None:
    exif = Image.Exif()
    exif[0x010F] = "\x00\x00"
    exif[0x0110] = "A" * 5000
    exif[0x0132] = "0000:00:00 00:00:00"
    exif.get_ifd(0x8769).update({0x829A: IFDRational(1, 0), 0x829D: IFDRational(0, 0), 0x9003: "yesterday", 0x8827: 0})
    exif.get_ifd(0x8825).update({1: "X", 2: (91.0, 0.0, 0.0), 3: "E", 4: (1.0, 2.0)})
    found = process(make.encode(make.photo(32, 24), "JPEG", exif=exif), keep_location=True).exif
    assert found is not None
    assert found.model_dump(exclude_none=True) == {"camera_model": "A" * 200}


def test_every_reason_of_the_domain_can_be_given(sound_files: dict[str, bytes], make: Any) -> None:
    given_reasons = {reason for _, reason in NOT_PICTURES.values()} | {
        outcome(make.png(100_000, 100_000)),
        outcome(make.gif(10_001)),
        outcome(sound_files["png"][: len(sound_files["png"]) // 2]),
    }
    # Given elsewhere: too-slow by the isolation, missing by the handler.
    assert given_reasons == set(ImageRejection) - {ImageRejection.TOO_SLOW, ImageRejection.MISSING}


def test_the_readme_explains_every_reason() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert {reason for reason in ImageRejection if f"| `{reason}` |" in readme} == set(ImageRejection)


def test_a_limit_is_of_one_picture_alone(make: Any) -> None:
    before = Image.MAX_IMAGE_PIXELS
    outcome(make.encode(make.photo(20, 10), "PNG"), limits=Limits(max_pixels=100, max_jpeg_pixels=100))
    assert before == Image.MAX_IMAGE_PIXELS
