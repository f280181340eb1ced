"""Pictures made by code, for the tests of imaging."""

import io
import struct
import zlib
from collections.abc import Callable

import pillow_heif
import pytest
from PIL import Image, ImageDraw

pillow_heif.register_heif_opener()

Encode = Callable[..., bytes]


def photo(width: int = 320, height: int = 240) -> Image.Image:
    """A picture with smooth colours and thousands of shades, as photos have."""
    red = Image.linear_gradient("L").resize((width, height))
    green = Image.radial_gradient("L").resize((width, height))
    blue = red.transpose(Image.Transpose.ROTATE_180)
    noise = Image.frombytes("L", (64, 64), bytes((i * i * 31 + i * 7) % 256 for i in range(4096))).resize(
        (width, height)
    )
    return Image.merge("RGB", [Image.blend(channel, noise, 0.2) for channel in (red, green, blue)])


def encode(picture: Image.Image, image_format: str, **options: object) -> bytes:
    """The picture as a file of that format."""
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG of that size with the given chunks between header and end; 8 bits grey."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + png_chunk(b"IEND", b"")


def gif(frames: int) -> bytes:
    """An animation with that many frames of one pixel."""
    frame = b"\x21\xf9\x04\x00\x01\x00\x00\x00" + b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00" + b"\x02\x02\x44\x01\x00"
    return b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff" + frame * frames + b";"


def screenshot(width: int = 1200, height: int = 800) -> Image.Image:
    """Black text on white."""
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    for row in range(20, height - 30, 28):
        pen.text((20, row), "Ramen in Tokyo: open until 23:00, closed on Mondays " * 2, fill="black", font_size=18)
    return picture


class Make:
    """The makers above, for tests (which cannot import this file)."""

    photo = staticmethod(photo)
    screenshot = staticmethod(screenshot)
    encode = staticmethod(encode)
    png = staticmethod(png)
    png_chunk = staticmethod(png_chunk)
    gif = staticmethod(gif)


@pytest.fixture(scope="session")
def make() -> type[Make]:
    """Makers of pictures and files."""
    return Make


@pytest.fixture(scope="session")
def sound_files() -> dict[str, bytes]:
    """One sound file of every accepted kind."""
    picture = photo()
    return {
        "jpeg": encode(picture, "JPEG"),
        "jpeg-progressive": encode(picture, "JPEG", progressive=True),
        "png": encode(picture, "PNG"),
        "gif": encode(picture, "GIF"),
        "webp": encode(picture, "WEBP"),
        "webp-lossless": encode(picture, "WEBP", lossless=True),
        "tiff": encode(picture, "TIFF"),
        "tiff-lzw": encode(picture, "TIFF", compression="tiff_lzw"),
        "avif": encode(picture, "AVIF"),
        "heic": encode(picture, "HEIF"),
    }
