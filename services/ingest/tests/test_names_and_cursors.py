"""Names of users' files, and the places in their lists."""

import base64
import re
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.errors import MalformedCursorError
from ingest.cursors import Cursor
from ingest.filenames import MAX_BYTES, MAX_CHARACTERS, UNNAMED, clean_filename, content_disposition


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("photo.jpg", "photo.jpg"),
        ("/etc/passwd", "passwd"),
        ("../../../photo.png", "photo.png"),
        ("C:\\Users\\me\\Pictures\\photo.png", "photo.png"),
        ("photo\x00.png", "photo.png"),
        ("line\r\nbreak\t.png", "line break .png"),
        ("rtl\u202egnp.exe", "rtlgnp.exe"),
        ("日本の写真 😀.png", "日本の写真 😀.png"),
        ("family 👩\u200d👩\u200d👧.png", "family 👩\u200d👩\u200d👧.png"),
        ("e\u0301te\u0301.png", "été.png"),
        ("  spaced  out .png ", "spaced out .png"),
        (".hidden", ".hidden"),
        ("", UNNAMED),
        (None, UNNAMED),
        ("..", UNNAMED),
        ("folder/", UNNAMED),
        ("\u202e\x07", UNNAMED),
        ("a" * 300 + ".png", "a" * 251 + ".png"),
        ("a" * 300, "a" * 255),
        ("a." + "b" * 300, "a." + "b" * 253),
        ("a" * 251 + ".png", "a" * 251 + ".png"),
        ("a" * 252 + ".png", "a" * 251 + ".png"),
        ("a" * 255 + "." + "b" * 16, "a" * 238 + "." + "b" * 16),
        ("a" * 255 + "." + "b" * 17, "a" * 255),
        ("a" * 300 + ".tar.gz", "a" * 252 + ".gz"),
        ("a/b\\c.png", "c.png"),
        (". .", UNNAMED),
        ("a.", "a."),
        ("\u00a0no\u2003break\u00a0.png", "no break .png"),
    ],
)
def test_names_are_made_harmless(given_name: str | None, kept: str) -> None:
    assert clean_filename(given_name) == kept


@pytest.mark.parametrize(
    ("name", "plain", "extended"),
    [
        ("photo.jpg", "photo.jpg", "photo.jpg"),
        ("été à Paris.png", "ete a Paris.png", "%C3%A9t%C3%A9%20%C3%A0%20Paris.png"),
        ("日 😀.png", "_ _.png", "%E6%97%A5%20%F0%9F%98%80.png"),
        ('a"; filename="b.exe', "a__ filename=_b.exe".replace("__", "_;"), "a%22%3B%20filename%3D%22b.exe"),
        ("50%41.png", "50_41.png", "50%2541.png"),
        ("a\r\nSet-Cookie: x=1.png", "a Set-Cookie_ x=1.png", "a%20Set-Cookie%3A%20x%3D1.png"),
        ("it's (1)*.png", "it's (1)_.png", "it%27s%20%281%29%2A.png"),
    ],
)
def test_a_download_has_the_users_name(name: str, plain: str, extended: str) -> None:
    assert content_disposition(name) == f"inline; filename=\"{plain}\"; filename*=UTF-8''{extended}"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("日" * 255, "日" * 85),
        ("日" * 250 + ".png", "日" * 83 + ".png"),
        ("😀" * 251 + ".png", "😀" * 62 + ".png"),
        ("a" * 251 + ".png", "a" * 251 + ".png"),
    ],
)
def test_a_downloads_name_is_cut_between_characters_before_its_extension(name: str, sent: str) -> None:
    assert unquote(content_disposition(name).rpartition("''")[2]) == sent


@example("\N{COMBINING ACUTE ACCENT}")
@given(st.text(max_size=600))
def test_no_name_breaks_the_header(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    parts = re.fullmatch(r"inline; filename=\"([^\"\\]+)\"; filename\*=UTF-8''([A-Za-z0-9._~%-]+)", header)
    assert parts is not None
    assert len(unquote(parts[2], errors="strict").encode()) <= MAX_BYTES


@given(st.text(max_size=600))
def test_any_name_ends_harmless(given_name: str) -> None:
    name = clean_filename(given_name)
    assert 0 < len(name) <= MAX_CHARACTERS
    assert not set(name) & set("/\\\x00\r\n")
    assert all(not unicodedata.category(c).startswith("C") or c in "\u200c\u200d" for c in name)
    assert name.encode(), "no lone surrogates"
    assert clean_filename(name) == name, "cleaning twice changes nothing"


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 1),
        max_value=datetime(2999, 1, 1),
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]),
    ),
    st.uuids().map(str),
)
def test_a_cursor_survives_the_way_to_the_client_and_back(moment: datetime, item_id: str) -> None:
    cursor = Cursor(moment, item_id)
    text = cursor.encode()
    assert text.isascii()
    assert not set(text) & set("+/=&?#%")
    assert Cursor.decode(text) == cursor


@pytest.mark.parametrize(("length", "reason"), [(513, "too long"), (512, "does not come from")])
def test_a_cursor_has_at_most_512_characters(length: int, reason: str) -> None:
    with pytest.raises(MalformedCursorError, match=reason):
        Cursor.decode("A" * length)


@pytest.mark.parametrize("length", range(1, 6))
def test_a_cursor_is_written_without_padding_and_in_utc(length: int) -> None:
    there = datetime(2026, 11, 22, 9, 30, tzinfo=timezone(timedelta(hours=9)))
    text = Cursor(there, "x" * length).encode()
    assert not text.endswith("=")
    place = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert place == b'["2026-11-22T00:30:00+00:00","' + b"x" * length + b'"]'


@pytest.mark.parametrize(
    "text",
    [
        # What standard base64 has and the URL-safe alphabet has not; a NUL; a lone surrogate; an item that is no text.
        base64.b64encode(b'["2026-01-01T00:00:00Z","~~~?>"]').decode().replace("=", "") + "+/",
        base64.urlsafe_b64encode(b'["2026-01-01T00:00:00Z","a\\u0000"]').decode(),
        base64.urlsafe_b64encode(b'["2026-01-01T00:00:00Z","a\\ud800"]').decode(),
        base64.urlsafe_b64encode(b'["2026-01-01T00:00:00Z",5]').decode(),
        base64.urlsafe_b64encode(b'["2026-01-01T00:00:00Z","a"]').decode() + "!",
    ],
)
def test_a_cursor_that_we_did_not_write_is_refused(text: str) -> None:
    with pytest.raises(MalformedCursorError, match="does not come from an earlier answer"):
        Cursor.decode(text)


@pytest.mark.parametrize(
    "place",
    ["{}", "[]", '["2026-01-01T00:00:00Z"]', '["now","x"]', "[1,2]", '["2026-01-01T00:00:00","x"]', "null", "[[[["],
)
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(MalformedCursorError):
        Cursor.decode(base64.urlsafe_b64encode(place.encode()).decode())


@given(st.text(max_size=700))
def test_any_other_text_is_refused_or_a_cursor(text: str) -> None:
    with suppress(MalformedCursorError):
        assert Cursor.decode(text).created_at.tzinfo is not None
