"""The demo pictures: what each shows, what can be read in it, and the expected outcome."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from PIL import ExifTags, Image, TiffImagePlugin

from localmesh.pictures import landscape, posters, receipts, screenshots

Outcome = Literal["searchable", "rejected"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A demo picture on disk and what is expected of it.

    `media_type` is what its bytes are, `width` and `height` are pixels as seen upright, `texts` are snippets that text
    recognition must find, `outcome` is how its processing ends.
    """

    name: str
    path: Path
    description: str
    media_type: str
    width: int
    height: int
    texts: tuple[str, ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    make: Callable[[], bytes]
    description: str
    size: tuple[int, int]
    texts: tuple[str, ...] = ()
    outcome: Outcome = "searchable"


def make_pictures(directory: Path) -> list[Picture]:
    """Write the demo pictures into the directory (created if it is missing); the same bytes every time.

    Raises OSError when the directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    pictures = []
    for entry in _ENTRIES:
        path = directory / entry.name
        path.write_bytes(entry.make())
        media_type = _MEDIA_TYPES[path.suffix]
        pictures.append(
            Picture(entry.name, path, entry.description, media_type, *entry.size, entry.texts, entry.outcome)
        )
    return pictures


_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif"}


def _vendored(name: str) -> Callable[[], bytes]:
    return lambda: resources.files("localmesh.pictures").joinpath("data", name).read_bytes()


def _png(draw: Callable[[], Image.Image]) -> Callable[[], bytes]:
    return lambda: _encode(draw(), "PNG")


def _encode(picture: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **options)
    return buffer.getvalue()


def _bill() -> bytes:
    return _encode(receipts.paris_bistro(), "JPEG", quality=90)


def _lake() -> bytes:
    return _encode(landscape.mountain_lake(), "WEBP", quality=85, method=4)


def _held_sideways() -> bytes:
    """As phones store a portrait: the sensor's pixels lying on their side, and a tag that says how to turn them."""
    upright = Image.open(io.BytesIO(_vendored("astronaut.jpg")()))
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Example"
    exif[ExifTags.Base.Model] = "Pocket 3"
    exif[ExifTags.Base.Orientation] = 6
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    camera[ExifTags.Base.DateTimeOriginal] = "2026:04:12 10:24:31"
    camera[ExifTags.Base.ExposureTime] = TiffImagePlugin.IFDRational(1, 125)
    camera[ExifTags.Base.FNumber] = TiffImagePlugin.IFDRational(28, 10)
    camera[ExifTags.Base.ISOSpeedRatings] = 200
    return _encode(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90, exif=exif)


def _cut_off() -> bytes:
    whole = _vendored("china.jpg")()
    return whole[: len(whole) * 2 // 5]


_ENTRIES: tuple[_Entry, ...] = (
    _Entry(
        "ramen-guide.png",
        _png(screenshots.ramen_page),
        "Screenshot of a web page that recommends ramen shops in Tokyo",
        (1280, 860),
        ("The best ramen in Tokyo this winter", "Shinjuku", "tonkotsu"),
    ),
    _Entry(
        "receipt-shibuya.png",
        _png(receipts.shibuya_cafe),
        "Receipt of a café in Shibuya, Tokyo, with matcha latte",
        (720, 1030),
        ("CAFE KOMOREBI", "Matcha latte", "Tokyo"),
    ),
    _Entry(
        "receipt-paris.jpg",
        _bill,
        "Photo of a restaurant bill from Paris on a wooden table",
        (900, 1130),
        ("Le Petit Canal", "Paris", "Steak frites"),
    ),
    _Entry(
        "poster-jazz-tokyo.png",
        _png(posters.jazz_in_tokyo),
        "Poster of a jazz concert in Tokyo",
        (900, 1270),
        ("MIDNIGHT JAZZ", "Shinjuku Blue Hall", "Tokyo"),
    ),
    _Entry(
        "poster-kyoto.png",
        _png(posters.garden_concert_in_kyoto),
        "Poster of a garden concert in Kyoto with koto and cello",
        (900, 1270),
        ("KYOTO GARDEN CONCERT", "koto and cello"),
    ),
    _Entry(
        "poster-berlin.png",
        _png(posters.film_festival_in_berlin),
        "Poster of a short film festival in Berlin",
        (900, 1270),
        ("Festival Berlin", "Kino am Ufer"),
    ),
    _Entry(
        "terminal.png",
        _png(screenshots.terminal),
        "Screenshot of a terminal with a failing Python test",
        (1280, 800),
        ("AssertionError", "Fix discount", "test_checkout.py"),
    ),
    _Entry(
        "chat.png",
        _png(screenshots.chat),
        "Screenshot of a chat about a dinner in Ebisu and a train to Osaka",
        (780, 1380),
        ("Yuki Tanaka", "Ebisu station", "Osaka"),
    ),
    _Entry("lake.webp", _lake, "A mountain lake at dusk with pine trees", (1400, 900)),
    _Entry("cat.jpg", _vendored("chelsea.jpg"), "Photo of a tabby cat's face", (451, 300)),
    _Entry("espresso.avif", _vendored("coffee.avif"), "Photo of a cup of espresso on a wooden table", (600, 400)),
    _Entry("temple.jpg", _vendored("china.jpg"), "Photo of a temple with a curved roof in China", (640, 427)),
    _Entry("flower.jpg", _vendored("flower.jpg"), "Photo of a dahlia in bloom", (640, 427)),
    _Entry("rocket.jpg", _vendored("rocket.jpg"), "Photo of a rocket being launched at night", (640, 427)),
    _Entry(
        "portrait.jpg", _held_sideways, "Portrait of an astronaut, stored sideways with an EXIF rotation", (384, 512)
    ),
    _Entry("broken.jpg", _cut_off, "A photo whose upload broke off", (640, 427), outcome="rejected"),
)
