"""Tokens: every kind of text, and strings without any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.text import (
    MAX_QUERY_TOKENS,
    MAX_TOKEN_LENGTH,
    alternative_tokens,
    document_tokens,
    query_tokens,
    storable,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running, RUNNER'S café", ["running", "runner", "s", "cafe"]),
        (
            "IMG_2024-tokyo.PNG tokyo/kyoto",
            [
                "img",
                "2024",
                "tokyo",
                "png",
                "img2024",
                "2024tokyo",
                "tokyopng",
                "img2024tokyopng",
                "tokyo",
                "kyoto",
            ],
        ),
        ("東京駅", ["東京", "京駅", "東", "京", "駅"]),
        ("猫", ["猫"]),
        ("ラーメン", ["ラー", "ーメ", "メン"]),
        ("ﾗｰﾒﾝ", ["ラー", "ーメ", "メン"]),
        ("\uff34\uff4f\uff4b\uff59\uff4f 2024年", ["tokyo", "2024", "年"]),
        ("가나다", ["가나", "나다"]),
        ("が", ["が"]),
        ("हिन्दी", ["हिन्दी"]),
        ("❤️👍🏽 👨‍👩‍👧", ["❤", "👍", "👨", "👩", "👧"]),
        ("🇯🇵🇫🇷", ["🇯🇵", "🇫🇷"]),
        ("Straße", ["strasse"]),
        ("c'est l\u2019été", ["c", "est", "cest", "l", "ete", "lete"]),
        ("Wi-Fi WiFi", ["wi", "fi", "wifi", "wi", "fi", "wifi"]),
        ("getUserName", ["get", "user", "name", "getuser", "username", "getusername"]),
        ("HTTPServer, USA", ["http", "server", "httpserver", "usa"]),
        ("3,410 a,b 1, 2", ["3", "410", "3410", "a", "b", "1", "2"]),
        ("C++, c#; F# ab# 7#", ["c", "c++", "c", "c#", "f", "f#", "ab", "7"]),
        ("Øresund Łódź Æble", ["oresund", "lodz", "aeble"]),
        ("a-b-c-d-e-f-g-h-i", list("abcdefghi")),
        ("x-" + "y" * MAX_TOKEN_LENGTH, ["x", "y" * MAX_TOKEN_LENGTH]),
        ("' OR 1=1; --", ["or", "1", "1"]),
        ("a\x00b \ud800 !", ["ab", "\ufffd"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zero", "width"]),
        ("", []),
        ("&|!():*<->\\", []),
    ],
)
def test_documents(text: str, expected: list[str]) -> None:
    assert document_tokens(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("東京駅", ["東京", "京駅"]), ("猫 猫", ["猫"]), ("b a b", ["b", "a"])])
def test_queries_have_distinct_pairs(text: str, expected: list[str]) -> None:
    assert query_tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "asked", "alternatives"),
    [
        ("Wi-Fi", ["wifi"], ["wi", "fi"]),
        ("wi fi", ["wi", "fi"], ["wifi"]),
        ("getUserName", ["getusername"], ["get", "user", "name", "getuser", "username"]),
        ("C++ C#", ["c++", "c#"], []),
        ("runner's", ["runner", "s"], ["runners"]),
        ("x" * 40 + " " + "y" * 40, ["x" * 40, "y" * 40], []),
        ("東京 駅", ["東京", "駅"], []),
        ("???", [], []),
    ],
)
def test_what_a_query_asks_for_may_be_written_in_other_ways(
    text: str, asked: list[str], alternatives: list[str]
) -> None:
    assert (query_tokens(text), alternative_tokens(text)) == (asked, alternatives)


@given(st.text(st.characters(), max_size=60))
def test_query_tokens_are_a_subset_of_document_tokens(text: str) -> None:
    assert set(query_tokens(text)) <= set(document_tokens(text))


@given(st.text(st.characters(), max_size=200))
def test_tokens_can_be_stored(text: str) -> None:
    for token in document_tokens(text):
        assert 1 <= len(token) <= MAX_TOKEN_LENGTH
        assert "\x00" not in token
        token.encode()


@given(st.text(st.characters(), max_size=40))
def test_storable_leaves_storable_text_unchanged(text: str) -> None:
    kept = storable(text)
    kept.encode()
    assert storable(kept) == kept
    if "\x00" not in text and not any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        assert kept == text


def test_a_long_query_is_truncated() -> None:
    long = " ".join(str(number) for number in range(5_000))
    assert len(query_tokens(long)) == len(alternative_tokens(long)) == MAX_QUERY_TOKENS
