"""What is counted beside the hits, compared with counting in Python, over random items, filters and facets."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from retrieval import (
    AnalyzedItem,
    Filters,
    Fusion,
    Matches,
    Order,
    Ranking,
    SearchMode,
    SearchQuery,
    count_matches,
    project_analysis,
    project_vector,
    search,
    search_and_count,
)

pytestmark = pytest.mark.integration

WORDS = ["cat", "dog", "ship", "tree", "lamp", "river"]
CITIES = ["lisbon", "kyoto", "oslo"]
FACETS = ("category", "place", "tag")
WINDOW = 7
"""Fewer than match: each leg of a hybrid search gives no more."""


@dataclass(frozen=True)
class Item:
    item_id: str
    words: Sequence[str]
    category: str
    places: Sequence[str]
    tags: Sequence[str]
    vector: Sequence[float]
    model: str | None
    """Of the vector, None where there is none."""

    def values(self, facet: str) -> Sequence[str]:
        return {"category": [self.category], "place": self.places, "tag": self.tags}[facet]

    def passes(self, filters: Filters) -> bool:
        return (
            filters.category in (None, self.category)
            and (filters.place is None or filters.place in self.places)
            and (filters.tag is None or filters.tag in self.tags)
        )


class CountingCursor(psycopg.Cursor[Any]):
    """Counts the statements of all cursors."""

    executed = 0

    def execute(self, *args: Any, **options: Any) -> Any:
        CountingCursor.executed += 1
        return super().execute(*args, **options)


@pytest.fixture
def items(
    conn: Connection[Any], make_item: Callable[..., AnalyzedItem], make_vector: Callable[..., list[float]]
) -> list[Item]:
    """Forty of Alice's; of each eight one has no vector, and one has it of another model. Bob has the same."""
    random = Random(2)
    when = datetime(2026, 2, 1, tzinfo=UTC)
    made = [
        Item(
            f"i{number:02}",
            random.choices(WORDS, k=4),
            random.choice(["photo", "receipt", "map"]),
            random.sample(CITIES, random.randrange(3)),
            random.sample(["red", "blue"], random.randrange(3)),
            make_vector(number),
            {0: None, 1: "other"}.get(number % 8, "model"),
        )
        for number in range(40)
    ]
    for item, tenant in product(made, ("alice", "bob")):
        metadata = {"location_tags": list(item.places), "hashtags": list(item.tags)}
        analysed = make_item(item.item_id, " ".join(item.words), category=item.category, media_metadata=metadata)
        with conn.transaction():
            project_analysis(conn, tenant, analysed)
            if item.model:
                details: Mapping[str, Any] = {"model": item.model, "analysis_version": 1, "embedded_at": when}
                project_vector(conn, tenant, item.item_id, vector=item.vector, **details)
    return made


def asked(random: Random, mode: SearchMode, vector: list[float], **changes: Any) -> SearchQuery:
    """A search for one to three words, narrowed by none to three filters."""
    filters = Filters(
        category=random.choice([None, "photo", "receipt"]),
        place=random.choice([None, *CITIES]),
        tag=random.choice([None, "red"]),
    )
    text = " ".join(random.sample(WORDS, random.randrange(1, 4)))
    query = SearchQuery("alice", text, mode, vector=vector, model="model", filters=filters, min_similarity=-1, top_k=3)
    return replace(query, **changes)


def counted(items: Sequence[Item], matched: set[str]) -> Matches:
    """The numbers of the items that matched, by facets."""
    values = {
        facet: Counter(value for item in items if item.item_id in matched for value in item.values(facet))
        for facet in FACETS
    }
    return Matches(len(matched), values)


def expected(conn: Connection[Any], items: Sequence[Item], query: SearchQuery) -> Matches:
    passing = [item for item in items if item.passes(query.filters)]
    by_words = {item.item_id for item in passing if set(item.words) & set(query.text.split())}
    by_meaning = {item.item_id for item in passing if item.model == "model"}
    if query.mode is SearchMode.BM25:
        return counted(items, by_words)
    ranked = replace(query, order=Order.RELEVANCE, top_k=WINDOW)
    nearest = {hit.item_id for hit in search(conn, replace(ranked, mode=SearchMode.VECTOR))}
    best = {hit.item_id for hit in search(conn, replace(ranked, mode=SearchMode.BM25))}
    assert nearest <= by_meaning
    assert best <= by_words
    assert (len(nearest), len(best)) == (min(len(by_meaning), WINDOW), min(len(by_words), WINDOW))
    return counted(items, nearest if query.mode is SearchMode.VECTOR else nearest | best)


@pytest.mark.parametrize("fusion", Fusion)
def test_counts_beside_the_hits_are_those_of_all_that_match(
    conn: Connection[Any], items: list[Item], make_vector: Callable[..., list[float]], fusion: Fusion
) -> None:
    random, ranking = Random(3), Ranking(window=WINDOW, fusion=fusion)
    total = 0
    for number, mode in product(range(12), SearchMode):
        order = random.choice([Order.RELEVANCE, Order.RELEVANCE, Order.OLDEST])
        query = asked(random, mode, make_vector(number), order=order)
        hits, matches = search_and_count(conn, query, FACETS, ranking)
        assert matches == expected(conn, items, query), query
        assert hits == search(conn, query, ranking)
        assert matches == count_matches(conn, query, FACETS, ranking)
        total += matches.total
    assert total > 100, "the queries match something"


@pytest.mark.parametrize("mode", SearchMode)
def test_a_filtered_search_with_facets_is_one_statement(
    conn: Connection[Any], items: list[Item], make_vector: Callable[..., list[float]], mode: SearchMode
) -> None:
    conn.cursor_factory = CountingCursor
    before = CountingCursor.executed
    query = asked(Random(4), mode, make_vector(0), text="cat", filters=Filters(category="photo"))
    hits, matches = search_and_count(conn, query, FACETS)
    assert CountingCursor.executed - before == 1
    assert len(hits) == 3 < matches.total


def test_whatever_the_page_everything_that_matches_is_counted(
    conn: Connection[Any], items: list[Item], make_vector: Callable[..., list[float]]
) -> None:
    query = asked(Random(5), SearchMode.HYBRID, make_vector(0), text="cat", filters=Filters())
    first, matches = search_and_count(conn, query, FACETS)
    second, again = search_and_count(conn, replace(query, without=[hit.item_id for hit in first]), FACETS)
    assert not {hit.item_id for hit in first} & {hit.item_id for hit in second}
    assert again == matches
    for text, found in (("category:photo", True), ("", True), ("the", False), ("unheard", False)):
        asked_for = replace(query, text=text, mode=SearchMode.BM25)
        hits, of_all = search_and_count(conn, asked_for, FACETS)
        assert of_all == count_matches(conn, asked_for, FACETS)
        assert (hits == search(conn, asked_for), of_all.total > 0) == (True, found), text
