"""Which pictures are accepted, and the answer to other files."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.media_type import FileType
from contracts.ingest import UploadRejection
from ingest.errors import UnacceptableError
from ingest.media_type import ACCEPTED, accepted_type


def ftyp(*brands: bytes) -> bytes:
    """The beginning of an ISO media file; the first brand is the major one."""
    box = brands[0] + bytes(4) + b"".join(brands[1:])
    return (8 + len(box)).to_bytes(4, "big") + b"ftyp" + box + b"\x00\x00\x00\x28meta"


@pytest.mark.parametrize(
    ("head", "media_type", "extension"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png", "png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg", "jpg"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp", "webp"),
        (b"GIF89a\x01\x00", "image/gif", "gif"),
        (b"II*\x00\x08\x00\x00\x00", "image/tiff", "tiff"),
        (ftyp(b"avif", b"mif1"), "image/avif", "avif"),
        (ftyp(b"heic", b"mif1"), "image/heic", "heic"),
        (ftyp(b"mif1"), "image/heif", "heif"),
    ],
)
def test_pictures_are_taken(head: bytes, media_type: str, extension: str) -> None:
    file_type = accepted_type(head + bytes(64))
    assert (file_type.media_type, file_type.extension) == (media_type, extension)


@pytest.mark.parametrize(
    ("head", "reason", "message"),
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
        (ftyp(b"isom") + b"\x00\x00\x00\x00heicheicheic", UploadRejection.UNSUPPORTED_TYPE, "a video"),
        (b"\x1aE\xdf\xa3", UploadRejection.UNSUPPORTED_TYPE, "a video"),
        (b"%PDF-1.4", UploadRejection.UNSUPPORTED_TYPE, "a PDF document"),
        (b"<svg onload='alert(1)'>", UploadRejection.UNSUPPORTED_TYPE, "an SVG drawing"),
        (b"BM\x00\x00", UploadRejection.UNSUPPORTED_TYPE, "a BMP picture"),
        (b"II+\x00", UploadRejection.UNSUPPORTED_TYPE, "a BigTIFF picture"),
        (b"PK\x03\x04", UploadRejection.UNSUPPORTED_TYPE, "a ZIP archive"),
    ],
)
def test_everything_else_is_refused_with_a_reason(head: bytes, reason: UploadRejection, message: str) -> None:
    with pytest.raises(UnacceptableError) as refused:
        accepted_type(head)
    assert refused.value.reason is reason
    assert message in refused.value.detail


@given(st.binary(max_size=300))
def test_no_bytes_crash_it(content: bytes) -> None:
    with suppress(UnacceptableError):
        assert isinstance(accepted_type(content), FileType)
        assert accepted_type(content) in ACCEPTED
