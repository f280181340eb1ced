"""What is read of a camera's metadata, one tag and one fault at a time."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from contracts.imaging import Exif, Location
from imaging.exif import read_exif, read_orientation

BASE, GPS = ExifTags.Base, ExifTags.GPS
MAIN, CAMERA, PLACE = 0, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo
#: Latitude and longitude of 35° 39' 36" N, 139° 42' 18" W.
SOUND_PLACE: dict[int, Any] = {
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: (35.0, 39.0, 36.0),
    GPS.GPSLongitudeRef: "W",
    GPS.GPSLongitude: (139.0, 42.0, 18.0),
}


def picture(tags: dict[int, Any] | None = None, directory: int = MAIN) -> Image.Image:
    """A picture whose metadata has these tags in one directory."""
    made = Image.new("RGB", (1, 1))
    exif = made.getexif()
    (exif if directory == MAIN else exif.get_ifd(directory)).update(tags or {})
    return made


def read(tags: dict[int, Any], directory: int = MAIN) -> dict[str, Any]:
    """What is found in these tags alone; without location, as by default."""
    found = read_exif(picture(tags, directory))
    return {} if found is None else found.model_dump(exclude_none=True)


def located(changes: dict[int, Any]) -> Location | None:
    found = read_exif(picture(SOUND_PLACE | changes, PLACE), keep_location=True)
    return None if found is None else found.location


TEXTS = {
    "camera_make": (BASE.Make, MAIN),
    "camera_model": (BASE.Model, MAIN),
    "software": (BASE.Software, MAIN),
    "lens_model": (BASE.LensModel, CAMERA),
}


@pytest.mark.parametrize("name", TEXTS)
def test_each_text_is_read_from_its_tag(name: str) -> None:
    tag, directory = TEXTS[name]
    assert read({tag: "Example"}, directory) == {name: "Example"}
    other = CAMERA if directory == MAIN else MAIN
    assert read({tag: "Example"}, other) == {}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("  Camera\tOne \n", "Camera One"),
        ("before\x00after", "before"),
        ("\x00after", None),
        ("", None),
        ("   ", None),
        (b"K\xc3\xa4se", "Käse"),
        (b"\xffraw", "\ufffdraw"),
        (5, None),
        (("a", "b"), None),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("bell\x07rings", "bell rings"),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 200),
        ("a" * 199 + "bc", "a" * 199 + "b"),
    ],
)
def test_texts_are_cleaned(written: object, expected: str | None) -> None:
    assert read({BASE.Make: written}) == ({} if expected is None else {"camera_make": expected})


#: Field -> its tag, and the least and the most that is believed.
NUMBERS = {
    "exposure_time": (BASE.ExposureTime, 1e-6, 1_000_000),
    "f_number": (BASE.FNumber, 0.1, 1000),
    "focal_length": (BASE.FocalLength, 0.1, 10_000),
    "iso": (BASE.ISOSpeedRatings, 1, 10_000_000),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_believed_within_bounds_that_belong_to_them(name: str) -> None:
    tag, least, most = NUMBERS[name]
    for value in (least, most):
        assert read({tag: value}, CAMERA) == {name: value}
    # The next above: for whole bounds the next whole number.
    for value in (least * 0.99, most + 1, most * 1.01, -1, 0):
        assert read({tag: value}, CAMERA) == {}
    assert read({tag: most}) == {}, "it stands in the camera's directory"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (TiffImagePlugin.IFDRational(1, 3), 0.333333),
        (TiffImagePlugin.IFDRational(1, 0), None),
        (float("nan"), None),
        (float("inf"), None),
        ("2.8", 2.8),
        ("fast", None),
        (None, None),
        ((1.0, 2.0), None),
        (10**400, None),
    ],
)
def test_what_is_no_number_is_left_out(written: object, expected: float | None) -> None:
    assert read({BASE.FocalLength: written}, CAMERA) == ({} if expected is None else {"focal_length": expected})


@pytest.mark.parametrize(("written", "expected"), [((400, 800), 400), ((), None), (400.9, 400), ("x", None)])
def test_the_first_of_several_sensitivities_counts(written: object, expected: int | None) -> None:
    assert read({BASE.ISOSpeedRatings: written}, CAMERA) == ({} if expected is None else {"iso": expected})


MOMENT = "2026-04-03T18:30:05"


@pytest.mark.parametrize(
    ("tag", "directory"),
    [(BASE.DateTimeOriginal, CAMERA), (BASE.DateTimeDigitized, CAMERA), (BASE.DateTime, MAIN)],
)
def test_each_of_three_times_is_read(tag: int, directory: int) -> None:
    assert read({tag: "2026:04:03 18:30:05"}, directory) == {"taken_at": MOMENT}
    assert read({tag: "2026:04:03 18:30:05.25+09:00"}, directory) == {"taken_at": MOMENT}


@pytest.mark.parametrize(
    ("original", "digitized", "changed", "year"),
    [
        ("2024:01:01 00:00:00", "2025:01:01 00:00:00", "2026:01:01 00:00:00", 2024),
        ("    :  :     :  :  ", "2025:01:01 00:00:00", "2026:01:01 00:00:00", 2025),
        ("0000:00:00 00:00:00", "yesterday", "2026:01:01 00:00:00", 2026),
        ("2024-01-01 00:00:00", None, "2026:01:01 00:00:00", 2026),
        ("2024:02:30 00:00:00", None, None, None),
    ],
)
def test_the_first_sound_time_counts(
    original: str | None, digitized: str | None, changed: str | None, year: int | None
) -> None:
    made = picture({BASE.DateTime: changed})
    made.getexif().get_ifd(CAMERA).update({BASE.DateTimeOriginal: original, BASE.DateTimeDigitized: digitized})
    found = read_exif(made)
    assert (None if found is None or found.taken_at is None else int(found.taken_at[:4])) == year


def test_the_location_is_read_only_on_request() -> None:
    assert read(SOUND_PLACE, PLACE) == {}
    assert located({}) == Location(latitude=35.66, longitude=-139.705)


@pytest.mark.parametrize(
    ("changes", "latitude", "longitude"),
    [
        ({GPS.GPSLatitudeRef: "S"}, -35.66, -139.705),
        ({GPS.GPSLongitudeRef: "E"}, 35.66, 139.705),
        ({GPS.GPSLatitudeRef: b"N\x00"}, 35.66, -139.705),
        ({GPS.GPSLatitude: (90.0, 0.0, 0.0)}, 90.0, -139.705),
        ({GPS.GPSLongitude: (180.0, 0.0, 0.0)}, 35.66, -180.0),
        ({GPS.GPSLatitude: (0.0, 0.0, 0.0)}, 0.0, -139.705),
        ({GPS.GPSLatitude: (0.0, 0.0, 1.0)}, 0.000278, -139.705),
    ],
)
def test_places_are_signed_degrees(changes: dict[int, Any], latitude: float, longitude: float) -> None:
    assert located(changes) == Location(latitude=latitude, longitude=longitude)


@pytest.mark.parametrize(
    "changes",
    [
        {GPS.GPSLatitudeRef: None},
        {GPS.GPSLatitudeRef: "north"},
        {GPS.GPSLongitudeRef: ""},
        {GPS.GPSLatitude: None},
        {GPS.GPSLongitude: None},
        {GPS.GPSLatitude: (35.0, 39.0)},
        {GPS.GPSLatitude: (35.0, 39.0, 36.0, 0.0)},
        {GPS.GPSLatitude: "35 39 36"},
        {GPS.GPSLatitude: (90.0, 0.0, 1.0)},
        {GPS.GPSLatitude: (91.0, 0.0, 0.0)},
        {GPS.GPSLongitude: (180.0, 0.0, 1.0)},
        {GPS.GPSLatitude: (-35.0, 0.0, 0.0)},
        {GPS.GPSLatitude: (35.0, TiffImagePlugin.IFDRational(1, 0), 36.0)},
    ],
)
def test_half_a_place_is_none(changes: dict[int, Any]) -> None:
    assert located(changes) is None


def test_nothing_of_use_is_none() -> None:
    assert read_exif(picture()) is None
    assert read_exif(picture({BASE.Orientation: 6})) is None
    assert read_exif(picture({BASE.Make: "x"})) == Exif(camera_make="x")


class Damaged:
    """A picture whose metadata cannot be parsed."""

    def __init__(self, answer: Callable[[], object]) -> None:
        self.getexif = answer


def broken() -> object:
    raise SyntaxError("no TIFF header")


def warning() -> object:
    warnings.warn("Corrupt EXIF data", stacklevel=1)
    return picture({BASE.Make: "Example", BASE.Orientation: 3}).getexif()


def test_broken_metadata_is_none_and_upright() -> None:
    damaged: Any = Damaged(broken)
    assert read_exif(damaged) is None
    assert read_orientation(damaged) == 1


@pytest.mark.filterwarnings("error")
def test_warnings_about_metadata_stay_inside() -> None:
    dubious: Any = Damaged(warning)
    assert read_exif(dubious) == Exif(camera_make="Example")
    assert read_orientation(dubious) == 3


@pytest.mark.parametrize(
    ("written", "expected"), [*((value, value) for value in range(1, 9)), (0, 1), (9, 1), ("6", 1), (None, 1), (6.0, 1)]
)
def test_an_orientation_is_one_of_eight(written: object, expected: int) -> None:
    assert read_orientation(picture({BASE.Orientation: written})) == expected


def test_without_an_orientation_a_picture_is_upright() -> None:
    assert read_orientation(picture()) == 1
