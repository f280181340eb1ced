"""Sound pictures of every kind, and their renditions."""

import hashlib
import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, PngImagePlugin, TiffImagePlugin

from contracts.imaging import RenditionKind
from imaging.colour import to_srgb
from imaging.errors import RejectedImageError
from imaging.limits import Limits
from imaging.phash import difference_hash, hamming_distance
from imaging.processing import ProcessedImage, process
from imaging.renditions import MODEL_EDGE, MODEL_MAX_BYTES, THUMBNAIL_EDGE, fit

MEDIA_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "tiff": "image/tiff",
    "avif": "image/avif",
    "heic": "image/heic",
}


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def mean_colour(data: bytes) -> Any:
    return opened(data).convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))


def test_every_accepted_format_gives_renditions(sound_files: dict[str, bytes]) -> None:
    for name, data in sound_files.items():
        result = process(data)
        assert result.media_type == MEDIA_TYPES[name.split("-")[0]], name
        assert (result.width, result.height, result.frames) == (320, 240, 1), name
        assert result.model.kind is RenditionKind.MODEL
        assert opened(result.model.data).size == (320, 240)
        assert opened(result.thumbnail.data).format == "WEBP"


def test_formats_of_one_picture_have_nearly_one_hash(sound_files: dict[str, bytes]) -> None:
    hashes = {name: process(data).phash for name, data in sound_files.items()}
    assert max(hamming_distance(hashes["png"], other) for other in hashes.values()) <= 6, hashes


def test_different_pictures_have_different_hashes(make: Any, sound_files: dict[str, bytes]) -> None:
    assert (
        hamming_distance(process(sound_files["png"]).phash, process(make.encode(make.screenshot(), "PNG")).phash) > 10
    )


def test_hash_follows_the_documented_formula() -> None:
    rising = Image.frombytes("L", (9, 8), bytes(range(9)) * 8)
    assert difference_hash(rising) == "f" * 16
    assert difference_hash(rising.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == "0" * 16
    first_pair_only = Image.frombytes("L", (9, 8), bytes([0, 9, 8, 7, 6, 5, 4, 3, 2]) + bytes(63))
    assert difference_hash(first_pair_only) == "8" + "0" * 15


def test_big_pictures_shrink_to_the_long_edge(make: Any) -> None:
    result = process(make.encode(make.photo(3000, 1000), "JPEG"))
    assert (result.width, result.height) == (3000, 1000)
    assert (result.model.width, result.model.height) == (MODEL_EDGE, 523)
    assert (result.thumbnail.width, result.thumbnail.height) == (THUMBNAIL_EDGE, 133)
    assert opened(result.model.data).size == (MODEL_EDGE, 523)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((100, 50), (100, 50)), ((2000, 1000), (1568, 784)), ((1, 20_000), (1, 1568)), ((20_000, 3), (1568, 1))],
)
def test_fit_never_enlarges_and_never_reaches_zero(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert fit(size, MODEL_EDGE) == fitted


def test_photos_become_jpeg_and_screenshots_stay_lossless(make: Any) -> None:
    shot = make.screenshot()
    assert process(make.encode(make.photo(), "PNG")).model.media_type == "image/jpeg"
    lossless = process(make.encode(shot, "PNG")).model
    assert lossless.media_type == "image/png"
    assert ImageChops.difference(opened(lossless.data).convert("RGB"), shot).getbbox() is None


def test_the_noisiest_picture_fits_the_model(make: Any) -> None:
    state, noise = b"noise", bytearray()
    while len(noise) < 1568 * 1568 * 3:
        state = hashlib.sha512(state).digest()
        noise += state
    picture = Image.frombytes("RGB", (1568, 1568), bytes(noise[: 1568 * 1568 * 3]))
    assert len(process(make.encode(picture, "PNG")).model.data) <= MODEL_MAX_BYTES


def test_same_input_same_bytes(sound_files: dict[str, bytes]) -> None:
    for name, data in sound_files.items():
        assert process(data) == process(data), name


def quadrants() -> Image.Image:
    """Red, green / blue, white: every orientation is recognizable. 60 x 40."""
    picture = Image.new("RGB", (60, 40), "white")
    picture.paste((255, 0, 0), (0, 0, 30, 20))
    picture.paste((0, 255, 0), (30, 0, 60, 20))
    picture.paste((0, 0, 255), (0, 20, 30, 40))
    return picture


# How a camera held so stores the upright picture: the inverse of what a viewer has to do.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_comes_upright(make: Any, orientation: int, image_format: str) -> None:
    turn = STORED[orientation]
    stored = quadrants() if turn is None else quadrants().transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    assert_upright(process(make.encode(stored, image_format, exif=exif)))


@pytest.mark.parametrize("orientation", STORED)
def test_heic_is_not_turned_twice(make: Any, orientation: int) -> None:
    # In this container the transformations beside the pixels count, which the decoder applies; EXIF only informs.
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = make.encode(quadrants(), "HEIF", exif=exif)
    assert_upright(process(data))


def assert_upright(result: ProcessedImage) -> None:
    assert (result.width, result.height) == (60, 40)
    upright = opened(result.model.data).convert("RGB")
    assert upright.size == (60, 40)
    for place, colour in (((15, 10), (255, 0, 0)), ((45, 10), (0, 255, 0)), ((15, 30), (0, 0, 255))):
        shown: Any = upright.getpixel(place)
        assert all(abs(a - b) < 40 for a, b in zip(shown, colour, strict=True)), place


def test_nonsense_orientation_is_upright(make: Any) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 99
    assert process(make.encode(quadrants(), "JPEG", exif=exif)).width == 60


@pytest.mark.parametrize(
    ("mode", "image_format", "fill", "expected"),
    [
        ("1", "PNG", 1, (255, 255, 255)),
        ("L", "PNG", 128, (128, 128, 128)),
        ("LA", "PNG", (0, 0), (255, 255, 255)),
        ("RGBA", "PNG", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", "PNG", (0, 0, 0, 128), (127, 127, 127)),
        ("RGBA", "WEBP", (0, 0, 0, 0), (255, 255, 255)),
        ("I;16", "PNG", 0x8080, (128, 128, 128)),
        ("I;16", "TIFF", 0xFFFF, (255, 255, 255)),
        ("I", "TIFF", 0x8080, (128, 128, 128)),
        ("F", "TIFF", 3.5, (0, 0, 0)),
        ("CMYK", "JPEG", (0, 255, 255, 0), (255, 0, 0)),
        ("CMYK", "TIFF", (255, 0, 0, 0), (0, 255, 255)),
        ("YCbCr", "TIFF", (128, 128, 128), (128, 128, 128)),
        ("LAB", "TIFF", (255, 128, 128), (255, 255, 255)),
        ("P", "GIF", 0, (0, 0, 0)),
    ],
)
def test_every_mode_becomes_srgb_on_white(
    make: Any, mode: str, image_format: str, fill: Any, expected: tuple[int, int, int]
) -> None:
    data = make.encode(Image.new(mode, (32, 32), fill), image_format)
    colour = mean_colour(process(data).model.data)
    assert all(abs(a - b) <= 6 for a, b in zip(colour, expected, strict=True)), colour


def test_transparent_palette_lies_on_white(make: Any) -> None:
    picture = Image.new("P", (16, 16), 0)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    assert mean_colour(process(make.encode(picture, "PNG", transparency=0)).model.data) == (255, 255, 255)


def test_wide_grey_keeps_its_shades(make: Any) -> None:
    ramp = Image.new("I;16", (256, 4))
    for x in range(256):
        for y in range(4):
            ramp.putpixel((x, y), x * 257)
    shown = opened(process(make.encode(ramp, "PNG")).model.data).convert("L")
    assert [shown.getpixel((x, 1)) for x in (0, 64, 128, 255)] == pytest.approx([0, 64, 128, 255], abs=4)


def test_icc_profile_is_applied(make: Any) -> None:
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    with_profile = to_srgb(Image.new("L", (4, 4), 128), linear.tobytes())
    assert with_profile.getpixel((0, 0)) == (128, 128, 128), "a profile of another colour space is passed over"
    # Swapping the red and green columns of sRGB makes a profile under which red is green.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    data = make.encode(Image.new("RGB", (32, 32), (255, 0, 0)), "PNG", icc_profile=bytes(profile))
    assert mean_colour(process(data).model.data) == pytest.approx((0, 255, 0), abs=6)


def test_broken_icc_profile_is_passed_over(make: Any) -> None:
    data = make.encode(Image.new("RGB", (32, 32), (255, 0, 0)), "PNG", icc_profile=b"no profile at all")
    assert mean_colour(process(data).model.data) == pytest.approx((255, 0, 0), abs=6)


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG"])
def test_animations_show_their_first_frame(make: Any, image_format: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    result = process(make.encode(frames[0], image_format, save_all=True, append_images=frames[1:], duration=100))
    assert result.frames == 3
    assert mean_colour(result.model.data) == pytest.approx((255, 0, 0), abs=6)


def test_an_animation_may_have_as_many_frames_as_there_are_at_most(make: Any) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    data = make.encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100)
    assert process(data, limits=replace(Limits(), max_frames=3)).frames == 3
    with pytest.raises(RejectedImageError, match="more than 2 frames"):
        process(data, limits=replace(Limits(), max_frames=2))


@pytest.mark.parametrize("image_format", ["TIFF", "MPO", "HEIF"])
def test_further_pages_and_previews_are_no_animation(make: Any, image_format: str) -> None:
    pages = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    data = make.encode(pages[0], image_format, save_all=True, append_images=pages[1:])
    with Image.open(io.BytesIO(data)) as picture:
        assert getattr(picture, "n_frames") == 3  # noqa: B009  # not every format has it
    result = process(data)
    assert result.frames == 1
    assert mean_colour(result.model.data) == pytest.approx((255, 0, 0), abs=6)


def camera_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Example\x00rest"
    exif[ExifTags.Base.Model] = "  Camera\tOne  "
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    camera[ExifTags.Base.DateTimeOriginal] = "2026:04:03 18:30:05"
    camera[ExifTags.Base.ExposureTime] = TiffImagePlugin.IFDRational(1, 125)
    camera[ExifTags.Base.FNumber] = TiffImagePlugin.IFDRational(28, 10)
    camera[ExifTags.Base.ISOSpeedRatings] = 400
    camera[ExifTags.Base.FocalLength] = 35.0
    camera[ExifTags.Base.LensModel] = "35mm F2"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (35.0, 39.0, 36.0)
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "W", (139.0, 42.0, 0.0)
    return exif


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_exif_is_read_without_the_location_by_default(make: Any, image_format: str) -> None:
    data = make.encode(make.photo(), image_format, exif=camera_exif().tobytes())
    exif = process(data).exif
    assert exif is not None
    assert exif.model_dump(mode="json", exclude_none=True) == {
        "camera_make": "Example",
        "camera_model": "Camera One",
        "lens_model": "35mm F2",
        "taken_at": "2026-04-03T18:30:05",
        "exposure_time": 0.008,
        "f_number": 2.8,
        "iso": 400,
        "focal_length": 35.0,
    }
    located = process(data, keep_location=True).exif
    assert located is not None
    assert located.location is not None
    assert (located.location.latitude, located.location.longitude) == (35.66, -139.7)


def test_no_exif_is_none(sound_files: dict[str, bytes]) -> None:
    assert process(sound_files["png"]).exif is None


def test_renditions_carry_nothing_of_the_original(make: Any) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "secret words")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for picture in (make.photo(), make.screenshot()):
        for image_format, options in (("PNG", {"pnginfo": text}), ("JPEG", {"comment": b"secret words"})):
            data = make.encode(picture, image_format, exif=camera_exif().tobytes(), icc_profile=profile, **options)
            assert b"secret words" in data
            result = process(data)
            for rendition in (result.model, result.thumbnail):
                assert b"secret words" not in rendition.data
                with opened(rendition.data) as derived:
                    derived.load()
                    assert not derived.getexif()
                    assert not {"icc_profile", "comment", "exif"} & set(derived.info)
