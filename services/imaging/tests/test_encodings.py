"""How renditions are encoded, at the edges of what they may measure."""

from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, JpegImagePlugin

from contracts.imaging import RenditionKind
from imaging import renditions
from imaging.colour import to_plain, to_srgb
from imaging.errors import ImageRejection, RejectedImageError
from imaging.faults import DECODER_FAULTS, _rejection
from imaging.limits import Limits
from imaging.processing import _check_pixels, _shrink, process
from imaging.renditions import (
    MODEL_MAX_BYTES,
    Rendition,
    fit,
    looks_drawn,
    make_model_rendition,
    make_thumbnail,
)

SMALL = Image.new("RGB", (3, 2), "red")


def coloured(colours: int) -> Image.Image:
    """A picture of 65,536 pixels with so many colours."""
    pixels = b"".join((at % colours).to_bytes(3, "big") for at in range(256 * 256))
    return Image.frombytes("RGB", (256, 256), pixels)


@pytest.mark.parametrize(("colours", "drawn"), [(1, True), (4096, True), (4097, False)])
def test_a_picture_of_few_colours_is_drawn(colours: int, drawn: bool) -> None:
    assert looks_drawn(coloured(colours)) is drawn


def test_a_sample_has_no_colours_of_its_own() -> None:
    checks = Image.new("RGB", (1000, 1000), "white")
    checks.paste("black", (0, 0, 501, 1000))
    assert len(checks.resize((256, 256), Image.Resampling.NEAREST).getcolors() or ()) == 2
    assert looks_drawn(checks)


@pytest.mark.parametrize(
    ("png", "jpeg", "drawn", "expected"),
    [
        (150, 100, True, "png"),
        (151, 100, True, "jpg"),
        (10, 100, True, "png"),
        (10, 100, False, "jpg"),
        (MODEL_MAX_BYTES, MODEL_MAX_BYTES, True, "png"),
        (MODEL_MAX_BYTES + 1, MODEL_MAX_BYTES, True, "jpg"),
    ],
)
def test_a_drawing_stays_lossless_at_a_fair_size(
    monkeypatch: pytest.MonkeyPatch, png: int, jpeg: int, drawn: bool, expected: str
) -> None:
    sizes = {"PNG": png, "JPEG": jpeg}
    monkeypatch.setattr(renditions, "_save", lambda _, image_format, **options: bytes(sizes[image_format]))
    made = make_model_rendition(SMALL, drawn=drawn)
    media_type, size = {"png": ("image/png", png), "jpg": ("image/jpeg", jpeg)}[expected]
    assert made == Rendition(RenditionKind.MODEL, bytes(size), media_type, expected, 3, 2)


@pytest.mark.parametrize(
    ("sizes", "tried"),
    [
        ({85: MODEL_MAX_BYTES}, [85]),
        ({85: MODEL_MAX_BYTES + 1, 70: 5}, [85, 70]),
        ({85: MODEL_MAX_BYTES + 1, 70: MODEL_MAX_BYTES + 1, 50: 4}, [85, 70, 50]),
        ({85: MODEL_MAX_BYTES + 3, 70: MODEL_MAX_BYTES + 2, 50: MODEL_MAX_BYTES + 1}, [85, 70, 50]),
    ],
)
def test_quality_is_lowered_until_the_model_takes_it(
    monkeypatch: pytest.MonkeyPatch, sizes: dict[int, int], tried: list[int]
) -> None:
    asked: list[int] = []

    def save(picture: Image.Image, image_format: str, *, quality: int, **options: object) -> bytes:
        asked.append(quality)
        return bytes(sizes[quality])

    monkeypatch.setattr(renditions, "_save", save)
    made = make_model_rendition(SMALL, drawn=False)
    assert (asked, len(made.data)) == (tried, sizes[tried[-1]])


def test_the_encoders_are_set_as_documented(make: Any) -> None:
    photo, shot = make.photo(), make.screenshot(400, 300)
    jpeg = {"quality": 85, "subsampling": "4:2:0", "optimize": True}
    assert make_model_rendition(photo, drawn=False).data == make.encode(photo, "JPEG", **jpeg)
    assert make_model_rendition(shot, drawn=True).data == make.encode(shot, "PNG", compress_level=6)
    small = make_thumbnail(photo)
    assert small == Rendition(
        RenditionKind.THUMBNAIL, make.encode(photo, "WEBP", quality=80, method=4), "image/webp", "webp", 320, 240
    )
    large = make.photo(800, 300)
    reduced = large.resize((400, 150), Image.Resampling.LANCZOS)
    assert make_thumbnail(large).data == make.encode(reduced, "WEBP", quality=80, method=4)
    assert (make_thumbnail(large).width, make_thumbnail(large).height) == (400, 150)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((400, 1), (400, 1)), ((401, 401), (400, 400)), ((1000, 999), (400, 400)), ((3, 2000), (1, 400))],
)
def test_the_long_edge_is_the_given_one(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert fit(size, 400) == fitted


def test_what_is_shrunk_is_sharp(make: Any) -> None:
    large = make.photo(3200, 40)
    expected = large.resize((1568, 20), Image.Resampling.LANCZOS, reducing_gap=3.0)
    assert ImageChops.difference(_shrink(large), expected).getbbox() is None
    just = Image.new("RGB", (1568, 2))
    assert _shrink(just) is just


def test_only_a_big_jpeg_is_decoded_at_a_fraction_of_its_size(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drafts: list[tuple[Any, Any]] = []
    draft = JpegImagePlugin.JpegImageFile.draft

    def spy(self: Any, mode: Any, size: Any) -> Any:
        drafts.append((mode, size))
        return draft(self, mode, size)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "draft", spy)
    assert process(make.encode(make.photo(3136, 16), "JPEG")).width == 3136
    assert drafts == [(None, (1568, 8))]


@pytest.mark.parametrize(("image_format", "jpegs", "others"), [("JPEG", 50, 49), ("PNG", 49, 50), ("WEBP", 49, 50)])
def test_jpegs_have_a_limit_of_their_own(make: Any, image_format: str, jpegs: int, others: int) -> None:
    data = make.encode(Image.new("RGB", (10, 5)), image_format)
    assert process(data, limits=Limits(max_pixels=others, max_jpeg_pixels=jpegs)).width == 10
    with pytest.raises(RejectedImageError, match="too-many-pixels"):
        process(data, limits=Limits(max_pixels=jpegs, max_jpeg_pixels=others))


@pytest.mark.parametrize(("image_format", "most"), [("JPEG", 70), ("PNG", 60)])
def test_decoders_refuse_what_is_above_the_limit(
    make: Any, monkeypatch: pytest.MonkeyPatch, image_format: str, most: int
) -> None:
    """Sizes that appear later in a file are checked by Pillow, whose limit is set for as long as the picture takes."""
    seen: list[int | None] = []
    monkeypatch.setattr("imaging.processing._process", lambda *_, **__: seen.append(Image.MAX_IMAGE_PIXELS))
    process(make.encode(SMALL, image_format), limits=Limits(max_pixels=60, max_jpeg_pixels=70))
    assert seen == [most]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "LAB"])
def test_a_plain_picture_is_not_copied(mode: str) -> None:
    picture = Image.new(mode, (2, 2))
    assert to_plain(picture) is picture


def test_the_limit_of_pixels_is_told() -> None:
    _check_pixels((10, 5), 50)
    with pytest.raises(RejectedImageError, match="has 1000 x 50 pixels; at most 49,999 are accepted") as rejected:
        _check_pixels((1000, 50), 49_999)
    assert rejected.value.reason is ImageRejection.TOO_MANY_PIXELS


@pytest.mark.parametrize(
    ("mode", "values", "shown"),
    [
        ("I;16", (0, 0x8080, 0xFFFF), (0, 128, 255)),
        ("I;16B", (0, 0x8080, 0xFFFF), (0, 128, 255)),
        ("I", (0, 128, 255), (0, 128, 255)),
        ("I", (0, 128, 256), (0, 0, 0)),
        ("I", (0, 0x8080, 0xFFFF), (0, 128, 255)),
        ("I", (-100, 0, 100), (0, 127, 255)),
        ("I", (0, 0x8000, 0x10000), (0, 127, 255)),
        ("F", (0.0, 0.5, 1.0), (0, 127, 255)),
        ("F", (-1.0, 0.0, 3.0), (0, 63, 255)),
        ("F", (7.0, 7.0, 7.0), (0, 0, 0)),
    ],
)
def test_wide_grey_by_its_range(mode: str, values: tuple[Any, ...], shown: tuple[int, ...]) -> None:
    picture = Image.new(mode, (len(values), 1))
    for x, value in enumerate(values):
        picture.putpixel((x, 0), value)
    plain = to_plain(picture)
    assert plain.mode == "L"
    assert plain.tobytes() == pytest.approx(shown, abs=1)


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_grey_without_a_range_is_refused(value: float) -> None:
    picture = Image.new("F", (2, 1), 1.0)
    picture.putpixel((1, 0), value)
    with pytest.raises(ValueError, match="no finite range"):
        to_plain(picture)


@pytest.mark.parametrize(
    ("mode", "plain"),
    [
        ("1", "L"),
        ("L", "L"),
        ("LA", "RGBA"),
        ("RGBA", "RGBA"),
        ("RGBa", "RGBA"),
        ("PA", "RGBA"),
        ("P", "RGB"),
        ("RGB", "RGB"),
        ("CMYK", "CMYK"),
        ("LAB", "LAB"),
        ("YCbCr", "RGB"),
        ("HSV", "RGB"),
    ],
)
def test_every_mode_becomes_a_plain_one(mode: str, plain: str) -> None:
    assert to_plain(Image.new(mode, (2, 2))).mode == plain


def test_a_profile_is_applied_as_photos_are_printed() -> None:
    """Relative colorimetric with black point compensation: white stays white, black black."""
    picture = Image.linear_gradient("L").convert("RGB").resize((64, 64))
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    expected = ImageCms.profileToProfile(
        picture,
        wide,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert expected is not None
    made = to_srgb(picture, wide.tobytes())
    assert (made.mode, ImageChops.difference(made, expected).getbbox()) == ("RGB", None)


MESSAGES: list[tuple[Exception, str, bool, ImageRejection]] = [
    (ValueError(), "Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK", True, ImageRejection.CORRUPT),
    (ValueError(), "Too much memory used in text chunks: 5", False, ImageRejection.CORRUPT),
    (ValueError(), "Security limit exceeded", True, ImageRejection.TOO_MANY_PIXELS),
    (ValueError(), "Image size exceeds limit of 5", False, ImageRejection.TOO_MANY_PIXELS),
    (ValueError(), "anything", True, ImageRejection.TRUNCATED),
    (EOFError(), "anything", False, ImageRejection.TRUNCATED),
    *[
        (OSError(), text, False, ImageRejection.TRUNCATED)
        for text in ("Truncated file", "Unexpected end", "end of FILE", "premature", "not enough data")
    ],
    (SyntaxError(), "not identified by this driver", False, ImageRejection.ZERO_SIZE),
    *[
        (OSError(), text, False, ImageRejection.UNSUPPORTED_FORMAT)
        for text in ("unknown pixel mode", "Unsupported", "not supported", "not available", "no conversion")
    ],
    (OSError(), "broken data stream", False, ImageRejection.CORRUPT),
]


@pytest.mark.parametrize(("fault", "text", "cut_off", "reason"), MESSAGES)
def test_what_a_decoder_says_decides_the_reason(
    fault: Exception, text: str, cut_off: bool, reason: ImageRejection
) -> None:
    assert isinstance(fault, DECODER_FAULTS)
    rejection = _rejection(fault, text, "read its header", cut_off=cut_off)
    assert rejection.reason is reason
    assert str(rejection) == f"{reason}: {rejection.detail}"
    assert rejection.args == (reason, rejection.detail)
    assert rejection.detail.endswith(".")
    if text == "broken data stream":
        assert rejection.detail == "The file is damaged: cannot read its header."
