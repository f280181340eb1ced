"""Misspelled and unfinished words: what they stand for, and that known words cost and lose nothing."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection

from retrieval import (
    AnalyzedItem,
    Ranking,
    SearchMode,
    SearchQuery,
    count_matches,
    project_analysis,
    project_vector,
    search,
)
from retrieval.expansion import mistakes

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]

ITEMS = {
    "ramen": "A bowl of ramen in a restaurant",
    "rain": "Rainy street, umbrellas",
    "lighthouse": "Lighthouse on a cliff",
    "code": "Order qx7731 of a photographer",
    "helvetica": "Specimen of Helvetica",
}


@pytest.fixture
def items(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> Connection[Any]:
    when = datetime(2026, 2, 1, tzinfo=UTC)
    for tenant, item, summary in [("bob", "tokyo", "tokyo"), *(("alice", *pair) for pair in ITEMS.items())]:
        with conn.transaction():
            project_analysis(conn, tenant, make_item(item, summary))
        with conn.transaction():
            project_vector(
                conn, tenant, item, vector=make_vector(item), model="model", analysis_version=1, embedded_at=when
            )
    return conn


@pytest.mark.integration
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lihgthouse", ["lighthouse"]),
        ("lighthous cliff", ["lighthouse"]),
        ("ligthousse on a clif", ["lighthouse"]),
        ("resturant", ["ramen"]),
        ("ehlvetica", ["helvetica"]),
        ("umbrelas today", ["rain"]),
        ("rame", ["ramen"]),
        ("ra", []),
        ("ra*", ["rain", "ramen"]),
        ("photogr* order", ["code"]),
        ("rame bowl", ["ramen"]),
        ("rame street", ["rain"]),
        ("qx7732", []),
        ("tokyo", []),
        ("tokya", []),
        ("zzz*", []),
        ("clfif", ["lighthouse"]),
    ],
)
def test_what_a_word_stands_for(items: Connection[Any], text: str, expected: list[str]) -> None:
    query = SearchQuery("alice", text, SearchMode.BM25)
    assert sorted(hit.item_id for hit in search(items, query)) == expected
    assert count_matches(items, query).total == len(expected)


@pytest.mark.integration
def test_a_misspelled_word_ranks_as_the_word_that_it_stands_for(
    items: Connection[Any], make_vector: MakeVector
) -> None:
    # But for the bonus of a word that is written as it stands in the item.
    plain = Ranking(exact_bonus=0)

    def found(text: str) -> list[tuple[str, float]]:
        query = SearchQuery("alice", text, vector=make_vector("rain"), model="model", min_similarity=-1)
        return [(hit.item_id, hit.score) for hit in search(items, query, plain)]

    assert found("umbrelas street") == found("umbrellas street")
    assert found("lihgthouse") == found("lighthouse")
    assert all(score <= 1 for _, score in found("ra*"))


@pytest.mark.integration
@pytest.mark.parametrize("text", ["lighthouse", "bowl of ramen", "qx7731", "qx7732 ramen", "the"])
def test_known_words_are_not_looked_up(items: Connection[Any], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr(sys.modules["retrieval.search"], "expansions", refuse)
    if text != "the" and "7732" not in text:
        assert search(items, SearchQuery("alice", text, SearchMode.BM25))


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_mistakes_are_a_symmetric_distance(first: str, second: str) -> None:
    assert mistakes(first, second) == mistakes(second, first) <= max(len(first), len(second))
    assert (mistakes(first, second) == 0) == (first == second)


@pytest.mark.parametrize(
    ("written", "meant", "count"),
    [("recpie", "recipe", 1), ("recie", "recipe", 1), ("reccipe", "recipe", 1), ("recibe", "recipe", 1), ("", "ab", 2)],
)
def test_a_mistake_is_a_letter_or_two_exchanged(written: str, meant: str, count: int) -> None:
    assert mistakes(written, meant) == count
