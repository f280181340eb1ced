"""What kind of picture some bytes are."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ingest import UploadRejection
from ingest.errors import UnacceptableError
from ingest.sniffing import ACCEPTED, AVIF, GIF, HEIC, HEIF, JPEG, PNG, TIFF, WEBP, Kind, sniff


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
]


@pytest.mark.parametrize(("head", "kind"), HEADS)
def test_pictures_are_known_by_their_beginning(head: bytes, kind: Kind) -> None:
    assert sniff(head + bytes(64)) == kind


def test_every_accepted_kind_is_recognised_somehow() -> None:
    assert {kind for _, kind in HEADS} == set(ACCEPTED)


@pytest.mark.parametrize(
    ("head", "reason", "said"),
    [
        (b"", UploadRejection.EMPTY, "empty"),
        (b"\x89PN", UploadRejection.NOT_AN_IMAGE, "not a picture"),
        (b"\xff\xd8", UploadRejection.NOT_AN_IMAGE, "not a picture"),
        (b"<html><img src=x onerror=alert(1)>", UploadRejection.NOT_AN_IMAGE, "not a picture"),
        (b" \x89PNG\r\n\x1a\n", UploadRejection.NOT_AN_IMAGE, "not a picture"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", UploadRejection.NOT_AN_IMAGE, "not a picture"),
        (b"\x00\x00\x00\x08ftyp", UploadRejection.UNSUPPORTED_TYPE, "a video"),
        (b"\x00\x00\x00\x00ftypheic", UploadRejection.UNSUPPORTED_TYPE, "a video"),
        (ftyp(b"isom", b"mp41"), UploadRejection.UNSUPPORTED_TYPE, "a video"),
        (b"%PDF-1.4", UploadRejection.UNSUPPORTED_TYPE, "a PDF document"),
        (b"<svg onload='alert(1)'>", UploadRejection.UNSUPPORTED_TYPE, "an SVG drawing"),
        (b"BM\x00\x00", UploadRejection.UNSUPPORTED_TYPE, "a BMP picture"),
        (b"PK\x03\x04", UploadRejection.UNSUPPORTED_TYPE, "a ZIP archive"),
    ],
)
def test_everything_else_is_refused_with_a_reason(head: bytes, reason: UploadRejection, said: str) -> None:
    with pytest.raises(UnacceptableError) as refused:
        sniff(head)
    assert refused.value.reason is reason
    assert said in refused.value.detail


def test_a_brand_far_behind_the_box_is_not_believed() -> None:
    with pytest.raises(UnacceptableError):
        sniff(ftyp(b"isom") + b"\x00\x00\x00\x00heicheicheic")


@given(st.binary(max_size=300))
def test_no_bytes_crash_it(content: bytes) -> None:
    with suppress(UnacceptableError):
        assert sniff(content) in ACCEPTED


@given(st.sampled_from(HEADS), st.binary(max_size=64))
def test_what_follows_does_not_matter(known: tuple[bytes, Kind], tail: bytes) -> None:
    head, kind = known
    assert sniff(head + tail) == kind
