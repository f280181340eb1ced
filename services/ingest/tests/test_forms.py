"""Forms as clients make them, and as they should not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import MalformedUploadError
from ingest.forms import FilePart, file_part
from ingest.requests import wants_image


def form(*parts: tuple[str, bytes], boundary: str = "frontier") -> bytes:
    """A body; each part is its headers and its content."""
    text = b"".join(f"--{boundary}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n" for headers, content in parts)
    return text + f"--{boundary}--\r\n".encode()


FILE = 'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png'


@given(st.binary(max_size=2000))
def test_the_bytes_come_out_as_they_went_in(content: bytes) -> None:
    parsed = file_part("multipart/form-data; boundary=frontier", form((FILE, content)))
    assert parsed == FilePart("a.png", content)


@pytest.mark.parametrize(
    "content", [b"x--frontier--", b"x--frontier\r\n", b"\r\n", b"\r\n--fronti", b"\n--frontier--\n"]
)
def test_what_looks_like_a_boundary_inside_a_line_is_content(content: bytes) -> None:
    assert file_part("multipart/form-data; boundary=frontier", form((FILE, content))).content == content


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=frontier",
        'multipart/form-data; boundary="frontier"',
        "Multipart/Form-Data; charset=utf-8; Boundary=frontier",
        "multipart/form-data;boundary=frontier; charset=utf-8",
    ],
)
def test_the_boundary_is_found_however_it_is_written(content_type: str) -> None:
    assert file_part(content_type, form((FILE, b"abc"))).content == b"abc"


def test_other_fields_and_a_preamble_are_passed_over() -> None:
    note = ('Content-Disposition: form-data; name="note"', b"file")
    body = b"preamble\r\n" + form(note, (FILE, b"abc"))
    assert file_part("multipart/form-data; boundary=frontier", body).content == b"abc"


def test_two_files_are_refused_wherever_they_stand() -> None:
    note = ('Content-Disposition: form-data; name="note"', b"file")
    for parts in ([(FILE, b"abc"), (FILE, b"second")], [(FILE, b"abc"), note, (FILE, b"abc")], [(FILE, b"")] * 3):
        with pytest.raises(MalformedUploadError, match=r"has [23] files in the field 'file'; send one"):
            file_part("multipart/form-data; boundary=frontier", form(*parts))


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('form-data; name="file"; filename="naïve 日本.png"', "naïve 日本.png"),
        ('form-data; name="file"; filename="semi;colon.png"', "semi;colon.png"),
        ('form-data; name="file"; filename="quo\\"te.png"', 'quo"te.png'),
        ('form-data; name="file"; filename="quo%22te.png"', 'quo"te.png'),
        ('form-data; name="file"; filename="C:\\dir\\a.png"', "a.png"),
        ("form-data; name=file; filename=plain.png", "plain.png"),
        ('form-data; filename="first.png"; name="file"', "first.png"),
        ('form-data; name="file"', None),
        ("form-data; name=\"file\"; filename*=UTF-8''na%C3%AFve%20%E6%97%A5.png", "naïve 日.png"),
        ('form-data; name="file"; filename="plain.png"; filename*=utf-8\'en\'%F0%9F%98%80.png', "😀.png"),
        ('form-data; name="file"; filename*=UTF-8\'\'first%22.png; filename="plain.png"', 'first".png'),
        ("form-data; name=\"file\"; FILENAME*=iso-8859-1''na%EFve.png", "naïve.png"),
        ("form-data; name=\"file\"; filename*=UTF-8''na%EFve.png", "na\ufffdve.png"),
        ('form-data; name="file"; filename="plain.png"; filename*=klingon\'\'x.png', "plain.png"),
        ('form-data; name="file"; filename="plain.png"; filename*=x.png', "plain.png"),
        ('form-data; name="file"; filename="plain.png"; filename*=utf-8\'x.png', "plain.png"),
        ("form-data; name=\"file\"; filename*=UTF-8''a.png; filename*=UTF-8''b.png", "a.png"),
        ("form-data; name=\"file\"; filename*=UTF-8''a.png; FileName* = UTF-8''b.png", "a.png"),
        ("form-data; name=\"file\"; filename*=klingon''a.png; filename*=UTF-8''b.png", "b.png"),
        ('form-data; name="file"; filename*="UTF-8\'\'a%20b.png"', "a b.png"),
        ("form-data; name=\"file\"; filename*=UTF-8''it's.png ; size=3", "it's.png"),
        ('form-data; name="file"; filename="x; filename*=UTF-8\'\'y.png"', "x; filename*=UTF-8''y.png"),
        ("form-data; name=\"file\"; filename=plain.png; filename*0*=UTF-8''a; filename*=UTF-8''b.png", "b.png"),
        pytest.param(f"form-data; name=file; filename=a.png; filename*{'9' * 5000}=b", "a.png", id="number-of-a-part"),
    ],
)
def test_names_are_read_as_browsers_and_curl_write_them(disposition: str, filename: str | None) -> None:
    body = form((f"content-disposition: {disposition}", b"abc"))
    assert file_part("multipart/form-data; boundary=frontier", body).filename == filename


def test_a_name_in_another_encoding_does_not_cost_the_picture() -> None:
    body = form(("Content-Disposition: form-data; name=file; filename=BYTES", b"abc")).replace(
        b"BYTES", b'"na\xefve.png"'
    )
    assert file_part("multipart/form-data; boundary=frontier", body) == FilePart("na\ufffdve.png", b"abc")


def test_a_name_inside_another_value_is_not_the_name() -> None:
    body = form(('Content-Disposition: form-data; name="note"; filename="x; name=\\"file\\""', b"abc"))
    with pytest.raises(MalformedUploadError, match="no file"):
        file_part("multipart/form-data; boundary=frontier", body)


@pytest.mark.parametrize("cut", [1, 5, 12, 30, 100])
def test_a_form_that_is_cut_off_is_refused(cut: int) -> None:
    whole = form((FILE, b"abc")).rstrip()
    with pytest.raises(MalformedUploadError):
        file_part("multipart/form-data; boundary=frontier", whole[:-cut])


@given(st.binary(max_size=400), st.text(max_size=60))
def test_nothing_crashes_it(body: bytes, boundary: str) -> None:
    with pytest.raises(MalformedUploadError):
        file_part(f"multipart/form-data; boundary={boundary}", body)


@pytest.mark.parametrize(
    ("content_type", "data", "reason"),
    [
        ("application/json", form((FILE, b"abc")), "send the picture as multipart/form-data in the field 'file'"),
        ("", form((FILE, b"abc")), "send the picture as multipart/form-data in the field 'file'"),
        ("multipart/form-data", form((FILE, b"abc")), "names its boundary"),
        ("multipart/form-data; boundary=frontier", form((FILE, b"abc"))[:-6], "the form cannot be read: "),
        ("multipart/form-data; boundary=frontier", form(), "the form has no file in the field 'file'"),
        ("multipart/form-data; boundary=frontier", b"", "the form cannot be read: "),
    ],
    ids=["json", "no-type", "no-boundary", "cut-off", "no-file", "empty"],
)
def test_a_refusal_says_what_is_wrong(content_type: str, data: bytes, reason: str) -> None:
    with pytest.raises(MalformedUploadError) as refused:
        file_part(content_type, data)
    assert reason in str(refused.value)


def test_the_field_may_have_another_name() -> None:
    other = FILE.replace('name="file"', 'name="picture"')
    content_type = "multipart/form-data; boundary=frontier"
    assert file_part(content_type, form((FILE, b"file"), (other, b"picture")), "picture").content == b"picture"
    assert file_part(content_type, form((FILE.replace("file", "datei", 1), b"abc"), (FILE, b"x"))).content == b"x"


def test_headers_have_a_limit() -> None:
    content_type = "multipart/form-data; boundary=frontier"
    room = 8192 - len(FILE) - len("\r\nX: ") - 200
    assert file_part(content_type, form((FILE + "\r\nX: " + "x" * room, b"abc"))).content == b"abc"
    with pytest.raises(MalformedUploadError):
        file_part(content_type, form((FILE + "\r\nX: " + "x" * 8192, b"abc")))


@pytest.mark.parametrize(
    ("accept", "picture"),
    [
        ("image/*", True),
        ("image/avif,image/webp,*/*;q=0.8", True),
        ("image/avif,image/webp,*/*", True),
        ("image/png;q=0.5, */*;q=0.5", True),
        ("image/png, application/json, */*", False),
        ("image/png, application/*, */*", False),
        ("application/json, */*", False),
        ("application/json;q=0.5, */*", True),
        ("image/*;q=0, */*;q=0", False),
        ("image/png;q=0, application/json;q=0", False),
        ("IMAGE/PNG", True),
        ("application/json", False),
        ("application/json, image/*", False),
        ("image/*;q=0.9", True),
        ("image/*;q=0.9, application/json", False),
        ("image/*, application/json;q=0.9", True),
        ("application/json; q=0.2, image/png; Q=0.3", True),
        ("image/*;q=0", False),
        ("image/*;q=0, */*", False),
        ("image/*;q=0.5, */*;q=0.8", False),
        ("image/*;q=0.001, application/json;q=0, */*;q=0.8", True),
        ("image/webp;q=0.4, application/*;q=0.5", False),
        ("image/png;q=0.1, image/webp, application/json;q=0.5", True),
        ("image/*;q=NaN", False),
        ("image/*;q=-1, text/html", False),
        ("image/*;q=2", False),
        ("image/*;level=1;q=1.000", True),
        ("text/html", False),
        (";q=1,,", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_who_wants_a_picture(accept: str, picture: bool) -> None:
    assert wants_image({"headers": {"Accept": accept}}) is picture
