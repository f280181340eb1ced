"""What a camera wrote into the file, reduced to what users search and sort by.

Reading never fails: a tag that is missing, malformed or absurd is left out. The location is left out unless requested.
"""

from datetime import datetime
from warnings import catch_warnings

from PIL import ExifTags, Image

from contracts.imaging import Exif, Location
from imaging.faults import DECODER_FAULTS

_MAX_TEXT = 200
_HEMISPHERE_SIGN = {"N": 1.0, "E": 1.0, "S": -1.0, "W": -1.0}

Tags = dict[int, object]


def read_exif(picture: Image.Image, *, keep_location: bool = False) -> Exif | None:
    """The camera's metadata of an opened picture; None where there is none or it cannot be read."""
    try:
        with catch_warnings(action="ignore"):
            exif = picture.getexif()
            main: Tags = dict(exif)
            camera: Tags = dict(exif.get_ifd(ExifTags.IFD.Exif))
            gps: Tags = dict(exif.get_ifd(ExifTags.IFD.GPSInfo)) if keep_location else {}
    except DECODER_FAULTS:
        return None  # broken metadata is no reason to refuse a picture that can be seen
    found = Exif(
        camera_make=_text(main.get(ExifTags.Base.Make)),
        camera_model=_text(main.get(ExifTags.Base.Model)),
        lens_model=_text(camera.get(ExifTags.Base.LensModel)),
        software=_text(main.get(ExifTags.Base.Software)),
        taken_at=_taken_at(main, camera),
        exposure_time=_number(camera.get(ExifTags.Base.ExposureTime), 1e-6, 1e6),
        f_number=_number(camera.get(ExifTags.Base.FNumber), 0.1, 1000),
        iso=_whole(camera.get(ExifTags.Base.ISOSpeedRatings), 1, 10_000_000),
        focal_length=_number(camera.get(ExifTags.Base.FocalLength), 0.1, 10_000),
        location=_location(gps),
    )
    return None if found == Exif() else found


def read_orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 (upright) where it is missing or nonsense."""
    try:
        with catch_warnings(action="ignore"):
            value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except DECODER_FAULTS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    # To the first NUL, as C strings go; no control characters or lone surrogates, which JSON or Postgres refuse.
    printable = "".join(letter if letter.isprintable() else " " for letter in value.split("\x00")[0])
    return " ".join(printable.split())[:_MAX_TEXT] or None


def _number(value: object, least: float, most: float) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever the file held; what is no number raises
    except (TypeError, ValueError, ArithmeticError):
        return None
    return round(number, 6) if least <= number <= most else None  # a comparison with nan is false


def _whole(value: object, least: int, most: int) -> int | None:
    number = _number(value[0] if isinstance(value, tuple) and value else value, least, most)
    return None if number is None else int(number)


def _taken_at(main: Tags, camera: Tags) -> str | None:
    for value in (
        camera.get(ExifTags.Base.DateTimeOriginal),
        camera.get(ExifTags.Base.DateTimeDigitized),
        main.get(ExifTags.Base.DateTime),
    ):
        text = _text(value)
        if text is not None:
            try:
                return datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S").isoformat()
            except ValueError:
                continue  # cameras without a clock write blanks or zeros
    return None


def _location(gps: Tags) -> Location | None:
    latitude = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), 90)
    longitude = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), 180)
    if latitude is None or longitude is None:
        return None
    return Location(latitude=latitude, longitude=longitude)


def _degrees(value: object, reference: object, most: float) -> float | None:
    sign = _HEMISPHERE_SIGN.get(_text(reference) or "")
    if sign is None or not isinstance(value, tuple) or len(value) != 3:
        return None
    parts = [part for part in (_number(part, 0, most) for part in value) if part is not None]
    if len(parts) != 3:
        return None
    degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
    return round(sign * degrees, 6) if degrees <= most else None
