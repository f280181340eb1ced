"""What a model reads of long items: the start, and what matches."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import Connection

from retrieval import AnalyzedItem, SearchMode, SearchQuery, project_analysis, search
from retrieval.passages import START, WINDOW, passages, sources

MakeItem = Callable[..., AnalyzedItem]

FILLER = "The quick brown fox jumps over the lazy dog again. "
FACT = "The wifi password of the cabin is hunter-77."
LONG = FILLER * 60 + FACT
ASKED = {"wifi": {"wifi"}, "password": {"password"}, "cabin": {"cabin"}}


def test_a_text_that_fits_is_read_whole() -> None:
    assert passages("a\nb", {}, 3) == ("a\nb",)


@pytest.mark.parametrize("characters", [1000, 2000])
def test_the_start_and_the_passage_that_matches_are_read(characters: int) -> None:
    read = passages(LONG, ASKED, characters)
    assert len(LONG) > 3000
    assert read[0].startswith(FILLER)
    assert read[-1].endswith(FACT)
    assert characters - WINDOW < sum(map(len, read)) <= characters
    assert all(part in LONG for part in read)


def test_a_long_sentence_is_cut_at_its_spaces_into_parts_of_a_window() -> None:
    text = "word " * 700 + "the wifi password is here"
    read = passages(text, {"wifi": {"wifi"}, "password": {"password"}}, 1000)
    assert "wifi password" in read[-1]
    assert all(len(part) < 1000 for part in read[1:])
    assert all(part in text for part in read)
    assert not any(part.startswith("ord") for part in read), "no word is cut"


def test_without_a_match_the_beginning_is_read() -> None:
    assert passages(LONG, {}, 1000) == (LONG[:1000].strip(),)


def test_a_text_without_borders_is_cut() -> None:
    assert passages("&" * 3000, {}, 1000) == ("&" * 1000,)
    text = "一" * 3000 + "駅の暗証番号"
    read = passages(text, {text[-(3006 % WINDOW) :]: {"番号"}}, 1000)
    assert read[-1].endswith("駅の暗証番号")


def test_every_word_that_is_asked_for_has_its_passage_before_a_word_has_two() -> None:
    text = (
        FILLER * 10 + "wifi here. " + FILLER * 10 + "wifi there. " * 30 + FILLER * 10 + "password below. " + FILLER * 9
    )
    read = " ".join(passages(text, {"wifi": {"wifi"}, "password": {"password"}}, 3 * START))
    assert "password below." in read
    assert "wifi" in read


def test_what_follows_a_match_is_read_before_what_precedes_it() -> None:
    text = FILLER * 20 + "Before it, a long line of text that nobody asks for, and more of it, and more again" * 2
    text += (
        ".\nTotal of the hotel bill\n" + "312.40 EUR, paid in cash at the desk of the house on the day of leaving it\n"
    )
    text += FILLER * 20
    read = passages(text, {"hotel": {"hotel"}}, 900)
    assert any("hotel bill\n312.40 EUR" in part for part in read)


@pytest.mark.integration
def test_passages_match_as_searches_do(conn: Connection[Any], make_item: MakeItem) -> None:
    """By stems, and with a typo; of the tenant's own items."""
    for item in (make_item("long", LONG.replace("password", "passwords")), make_item("short", "A cabin.")):
        with conn.transaction():
            project_analysis(conn, "alice", item)
    hits = search(conn, SearchQuery("alice", "cabin", SearchMode.BM25))
    for questions in (("the password?",), ("cabin", "what is the pasword"), ("-fox password", "")):
        read = {source.item_id: source.passages for source in sources(conn, "alice", questions, hits, 1000)}
        assert list(read) == [hit.item_id for hit in hits]
        assert read["long"][-1].startswith("The wifi passwords") or "wifi passwords of" in read["long"][-1]
        assert read["short"] == (hits[[hit.item_id for hit in hits].index("short")].body,)
    assert "hunter" not in " ".join(sources(conn, "alice", ["???"], hits, 1000)[0].passages) * (
        len(hits[0].body) > 1000
    )
