"""Phrases, exclusions and fields of a query, in every kind of search."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import Connection

from retrieval import (
    AnalyzedItem,
    Fusion,
    Ranking,
    SearchMode,
    SearchQuery,
    maintain_vector_indexes,
    project_analysis,
    project_vector,
    search,
)

pytestmark = pytest.mark.integration

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]

RECIPES = {
    "lentil": "A soup recipe with lentils and carrots",
    "tomato": "A recipe for a cold tomato soup",
    "bread": "Sourdough bread recipe",
    "cable": "Wi-Fi cable, C# manual",
    "tower": "東京タワーの夜景",
}
QUERIES: dict[str, set[str]] = {
    "recipe -lentil": {"tomato", "bread"},
    "recipe NOT lentils": {"tomato", "bread"},
    '"soup recipe"': {"lentil"},
    '"a soup"': {"lentil"},
    '"Soup, Recipe" -carrot': set(),
    'recipe -"cold tomato" -sourdough': {"lentil"},
    '"tomato soup" "a recipe"': {"tomato"},
    '"recipe lentils"': set(),
    "category:other": {"cable", "tower"},
    "CATEGORY:OTHER -wifi": {"tower"},
    "-category:other -wifi": {"lentil", "tomato", "bread"},
    "recipe -category:food": set(),
    "-recipe": {"cable", "tower"},
    '"京タワ"': {"tower"},
    "-東京 -recipe": {"cable"},
    '-"夜" -recipe': {"cable"},
    '"C++"': set(),
    '"c#"': {"cable"},
    '"wi fi"': {"cable"},
    '-"???"': set(),
    "-the": set(),
    'category:food "no such phrase"': set(),
    "type:png added:2026-01 -place:lisbon category:other": {"cable", "tower"},
    "-added:2026 -type:jpg": set(),
    "-added:2025 -category:food": {"cable", "tower"},
    "category:food -the": {"lentil", "tomato", "bread"},
}


@pytest.fixture
def recipes(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> Connection[Any]:
    """Alice's five items, and one of Bob's."""
    when = datetime(2026, 2, 1, tzinfo=UTC)
    for tenant, item, summary in [("bob", "lentil", "soup recipe"), *(("alice", *pair) for pair in RECIPES.items())]:
        category = "Other" if item in ("cable", "tower") else "Food"
        with conn.transaction():
            project_analysis(conn, tenant, make_item(item, summary, category=category))
        with conn.transaction():
            project_vector(
                conn, tenant, item, vector=make_vector(item), model="model", analysis_version=1, embedded_at=when
            )
    maintain_vector_indexes(conn, exact_limit=1)
    return conn


@pytest.mark.parametrize("ranking", [Ranking(), Ranking(fusion=Fusion.RRF), Ranking(exact_limit=1)])
def test_what_a_query_narrows_to_holds_in_every_kind_of_search(
    recipes: Connection[Any], make_vector: MakeVector, ranking: Ranking
) -> None:
    vector = make_vector("question")
    for text, expected in QUERIES.items():
        found = {}
        for mode in SearchMode:
            query = SearchQuery("alice", text, mode, vector=vector, model="model", min_similarity=-1)
            found[mode] = {hit.item_id for hit in search(recipes, query, ranking)}
        if text == "-the":
            # It asks for what has no stop word, and no document is known by one.
            assert all(items == set(RECIPES) for items in found.values())
            continue
        if text == "recipe -lentil" or text.startswith("recipe"):
            # Words rank; by meaning everything that remains is a candidate.
            assert found[SearchMode.BM25] == expected, text
            assert expected <= found[SearchMode.VECTOR], text
            assert not found[SearchMode.VECTOR] & {"lentil"} or "lentil" in expected, text
            continue
        assert found == dict.fromkeys(SearchMode, expected), text


def test_without_words_the_latest_come_first_and_nothing_is_compared(
    recipes: Connection[Any], make_item: MakeItem
) -> None:
    with recipes.transaction():
        project_analysis(recipes, "alice", make_item("new", "A recipe", category="Food", version=2))
    hits = search(recipes, SearchQuery("alice", "category:food", SearchMode.HYBRID, top_k=2))
    assert [(hit.item_id, hit.rank, hit.score, hit.bm25, hit.similarity) for hit in hits] == [
        ("new", 1, 0.0, None, None),
        ("bread", 2, 0.0, None, None),
    ]


def test_syntax_leaves_scores_as_they_are(recipes: Connection[Any]) -> None:
    plain = {hit.item_id: hit.score for hit in search(recipes, SearchQuery("alice", "soup recipe", SearchMode.BM25))}
    for text in ('"soup recipe"', "soup recipe -bread", "soup recipe category:food"):
        narrowed = search(recipes, SearchQuery("alice", text, SearchMode.BM25))
        assert narrowed
        assert {hit.item_id: hit.score for hit in narrowed}.items() <= plain.items()
