"""What type of file some bytes are."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chassis import media_type
from chassis.media_type import (
    AVIF,
    BIG_TIFF,
    BMP,
    EXR,
    GIF,
    HEIC,
    HEIF,
    ICO,
    ISO_MEDIA,
    JPEG,
    JPEG_2000,
    JPEG_XL,
    MATROSKA,
    PDF,
    PNG,
    PSD,
    QOI,
    SVG,
    TIFF,
    WEBP,
    ZIP,
    FileType,
    identify,
)


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    """The beginning of an ISO media file."""
    brands = major + b"\x00\x00\x00\x00" + b"".join(compatible)
    return (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + b"\x00\x00\x00\x28meta"


HEADS = [
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", PNG),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", JPEG),
    (b"\xff\xd8\xff\xe1\x00\x10Exif", JPEG),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 ", WEBP),
    (b"GIF87a\x01\x00", GIF),
    (b"GIF89a\x01\x00", GIF),
    (b"II*\x00\x08\x00\x00\x00", TIFF),
    (b"MM\x00*\x00\x00\x00\x08", TIFF),
    (ftyp(b"avif", b"avif", b"mif1", b"miaf"), AVIF),
    (ftyp(b"avis", b"msf1"), AVIF),
    (ftyp(b"mif1", b"mif1", b"avif"), AVIF),
    (ftyp(b"heic", b"mif1", b"heic"), HEIC),
    (ftyp(b"mif1", b"heix"), HEIC),
    (ftyp(b"mif1"), HEIF),
    (ftyp(b"msf1", b"iso8"), HEIF),
    (ftyp(b"isom", b"mp41"), ISO_MEDIA),
    (b"\x00\x00\x00\x08ftyp", ISO_MEDIA),
    (b"\x00\x00\x00\x00ftypheic", ISO_MEDIA),
    (b"BM\x00\x00", BMP),
    (b"\x00\x00\x01\x00", ICO),
    (b"8BPS", PSD),
    (b"\xff\x0a", JPEG_XL),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", JPEG_XL),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", JPEG_2000),
    (b"\xff\x4f\xff\x51\x00", JPEG_2000),
    (b"\x76\x2f\x31\x01", EXR),
    (b"qoif", QOI),
    (b"II+\x00", BIG_TIFF),
    (b"MM\x00+", BIG_TIFF),
    (b"<svg onload='alert(1)'>", SVG),
    (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg/>', SVG),
    (b"<!DOCTYPE svg>\n<SVG/>", SVG),
    (b"%PDF-1.4", PDF),
    (b"\x1aE\xdf\xa3", MATROSKA),
    (b"PK\x03\x04", ZIP),
]


# Media types as IANA registers them, or as browsers and `file` call them where it does not.
FACTS = {
    PNG: ("image/png", "png", "PNG", "a PNG picture"),
    JPEG: ("image/jpeg", "jpg", "JPEG", "a JPEG picture"),
    WEBP: ("image/webp", "webp", "WebP", "a WebP picture"),
    GIF: ("image/gif", "gif", "GIF", "a GIF picture"),
    HEIC: ("image/heic", "heic", "HEIC", "a HEIC picture"),
    HEIF: ("image/heif", "heif", "HEIF", "a HEIF picture"),
    AVIF: ("image/avif", "avif", "AVIF", "an AVIF picture"),
    TIFF: ("image/tiff", "tiff", "TIFF", "a TIFF picture"),
    BIG_TIFF: ("image/tiff", "tiff", "BigTIFF", "a BigTIFF picture"),
    BMP: ("image/bmp", "bmp", "BMP", "a BMP picture"),
    ICO: ("image/vnd.microsoft.icon", "ico", "ICO", "a Windows icon"),
    PSD: ("image/vnd.adobe.photoshop", "psd", "PSD", "a Photoshop document"),
    JPEG_XL: ("image/jxl", "jxl", "JPEG XL", "a JPEG XL picture"),
    JPEG_2000: ("image/jp2", "jp2", "JPEG 2000", "a JPEG 2000 picture"),
    EXR: ("image/x-exr", "exr", "OpenEXR", "an OpenEXR picture"),
    QOI: ("image/qoi", "qoi", "QOI", "a QOI picture"),
    SVG: ("image/svg+xml", "svg", "SVG", "an SVG drawing"),
    PDF: ("application/pdf", "pdf", "PDF", "a PDF document"),
    ISO_MEDIA: ("video/mp4", "mp4", "MP4", "a video"),
    MATROSKA: ("video/matroska", "mkv", "Matroska", "a video"),
    ZIP: ("application/zip", "zip", "ZIP", "a ZIP archive"),
}


@pytest.mark.parametrize("file_type", FACTS, ids=lambda file_type: file_type.name)
def test_what_callers_are_told_of_a_type(file_type: FileType) -> None:
    told = (file_type.media_type, file_type.extension, file_type.name, file_type.description)
    assert told == FACTS[file_type]
    assert file_type.is_image == told[0].startswith("image/")


@pytest.mark.parametrize(
    ("file_type", "brands"),
    [
        (AVIF, (b"avif", b"avis")),
        (HEIC, (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")),
        (HEIF, (b"mif1", b"mif2", b"msf1")),
    ],
    ids=["AVIF", "HEIC", "HEIF"],
)
def test_each_brand_is_enough(file_type: FileType, brands: tuple[bytes, ...]) -> None:
    """As the major brand, and as the first or the last of the compatible ones."""
    for brand in brands:
        for head in (ftyp(brand), ftyp(b"isom", brand), ftyp(b"isom", b"mp41", b"iso8", brand)):
            assert identify(head) == file_type, head


def test_the_more_specific_of_two_brands_counts_wherever_it_is() -> None:
    assert identify(ftyp(b"heic", b"avif")) == identify(ftyp(b"avif", b"heic")) == AVIF
    assert identify(ftyp(b"mif1", b"heic")) == identify(ftyp(b"heic", b"mif1")) == HEIC


def test_the_minor_version_is_no_brand() -> None:
    assert identify(b"\x00\x00\x00\x14ftypisomheicmp41") == ISO_MEDIA


def test_brands_end_with_the_box_with_the_file_and_after_256_bytes() -> None:
    box = ftyp(b"isom", b"mp41", b"heic")[:24]
    assert identify(box[:-1]) == ISO_MEDIA, "the file ends within the brand"
    assert identify(b"\x00\x00\x00\x17" + box[4:]) == ISO_MEDIA, "the box ends within the brand"
    assert identify(b"\x00\x00\x00\x18" + box[4:]) == HEIC
    last = (256 - 16) // 4
    assert identify(ftyp(b"isom", *[b"mp41"] * (last - 1), b"heic")) == HEIC
    assert identify(ftyp(b"isom", *[b"mp41"] * last, b"heic")) == ISO_MEDIA


def test_a_drawing_is_looked_for_in_the_first_kilobyte() -> None:
    before = b"<?xml " + b" " * (1024 - 6 - 4)
    assert identify(before + b"<svg/>") == SVG
    assert identify(b" " + before + b"<svg/>") is None
    assert identify(b"text before <svg/>") is None


@pytest.mark.parametrize("blank", [b"\xef\xbb\xbf", b" ", b"\t", b"\r", b"\n"])
def test_a_drawing_may_begin_with_blanks(blank: bytes) -> None:
    assert identify(blank + b"<svg/>") == SVG


@pytest.mark.parametrize(("head", "file_type"), HEADS)
def test_files_are_identified_by_their_beginning(head: bytes, file_type: FileType) -> None:
    assert identify(head + bytes(64)) == file_type


def test_every_type_is_identified_somehow() -> None:
    types = {value for value in vars(media_type).values() if isinstance(value, FileType)}
    assert {file_type for _, file_type in HEADS} == types


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\x89PN",
        b"\xff\xd8",
        b"GIF8",
        b"<html><img src=x onerror=alert(1)>",
        b" \x89PNG\r\n\x1a\n",
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b'<?xml version="1.0"?>\n<html/>',
        b" " * 1024 + b"<svg/>",
    ],
)
def test_everything_else_is_unknown(head: bytes) -> None:
    assert identify(head) is None


def test_a_brand_far_behind_the_box_is_not_believed() -> None:
    assert identify(ftyp(b"isom") + b"\x00\x00\x00\x00heicheicheic") == ISO_MEDIA


@given(st.binary(max_size=300))
def test_no_bytes_crash_it(content: bytes) -> None:
    assert identify(content) is None or isinstance(identify(content), FileType)


@given(st.sampled_from(HEADS), st.binary(max_size=64))
def test_what_follows_does_not_matter(known: tuple[bytes, FileType], tail: bytes) -> None:
    head, file_type = known
    assume(file_type != ICO or not tail.startswith(b"ftyp"))  # then it is a box of 256 bytes
    assert identify(head + tail) == file_type


def test_a_file_is_not_taken_for_a_video_by_its_second_word() -> None:
    for head, file_type in HEADS:
        if len(head) == 4 and file_type != ICO:
            assert identify(head + b"ftypisom") == file_type
