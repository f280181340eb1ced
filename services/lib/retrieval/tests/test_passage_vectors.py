"""Long items are as near as the nearest of their vectors; one row an item, of its tenant alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from retrieval import (
    AnalyzedItem,
    Filters,
    Fusion,
    Hit,
    PassageVector,
    Ranking,
    SearchMode,
    SearchQuery,
    count_matches,
    maintain_vector_indexes,
    project_analysis,
    project_deletion,
    project_vector,
    search,
    similar,
)

pytestmark = pytest.mark.integration

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]
NOW = datetime(2026, 2, 1, tzinfo=UTC)
BY_INDEX = Ranking(exact_limit=1)


@pytest.fixture
def shelf(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> Connection[Any]:
    """The end of Alice's long item is what is asked for, of her near item a little less; Bob's is the same as hers.

    Of `hidden` no description has arrived.
    """
    vectors: dict[str, list[float]] = {"long": [0.3, 1], "near": [1, 0.5], "far": [-1, 0.1], "hidden": [0, 1]}
    ends: list[list[float]] = [[0, 1], [0.2, 1], [1, 0]]
    for tenant in ("alice", "bob"):
        for item, values in vectors.items():
            if item != "hidden":
                with conn.transaction():
                    project_analysis(conn, tenant, make_item(f"{tenant}-{item}", "page"))
            with conn.transaction():
                embed(conn, tenant, f"{tenant}-{item}", make_vector, values, ends if values[0] in {0, 0.3} else [])
    maintain_vector_indexes(conn, exact_limit=1)
    return conn


def embed(
    conn: Connection[Any],
    tenant: str,
    item: str,
    make_vector: MakeVector,
    values: list[float],
    parts: list[list[float]],
    *,
    hours: int = 0,
) -> None:
    passages = [PassageVector(n * 10, n * 10 + 10, make_vector(values=each)) for n, each in enumerate(parts)]
    project_vector(
        conn,
        tenant,
        item,
        vector=make_vector(values=values),
        model="model",
        analysis_version=1,
        embedded_at=NOW + timedelta(hours=hours),
        passages=passages,
    )


def found(hits: list[Hit]) -> list[str]:
    return [hit.item_id.removeprefix("alice-") for hit in hits]


@pytest.mark.parametrize("ranking", [Ranking(), BY_INDEX, replace(BY_INDEX, fusion=Fusion.RRF)])
@pytest.mark.parametrize("mode", [SearchMode.VECTOR, SearchMode.HYBRID])
def test_an_item_is_as_near_as_its_nearest_passage(
    shelf: Connection[Any], make_vector: MakeVector, mode: SearchMode, ranking: Ranking
) -> None:
    query = SearchQuery(
        "alice", "harbour", mode, vector=make_vector(values=[1, 0]), model="model", min_similarity=-1, top_k=3
    )
    hits = search(shelf, query, ranking)
    assert found(hits) == ["long", "near", "far"]
    assert hits[0].similarity == pytest.approx(1, abs=1e-3)
    assert found(search(shelf, replace(query, with_passages=False), ranking)) == ["near", "long", "far"]
    assert count_matches(shelf, query, (), ranking).total == 3
    assert found(search(shelf, replace(query, top_k=1), ranking)) == ["long"], "whatever else is nearer as a whole"


def test_filters_hold_for_passages(shelf: Connection[Any], make_vector: MakeVector) -> None:
    query = SearchQuery("alice", "", SearchMode.VECTOR, vector=make_vector(values=[1, 0]), model="model")
    assert search(shelf, replace(query, filters=Filters(category="receipt"))) == []
    assert found(search(shelf, replace(query, filters=Filters(category="photo")))) == ["long", "near"]
    assert search(shelf, replace(query, model="another")) == []


def test_items_like_another_are_so_as_a_whole(shelf: Connection[Any]) -> None:
    assert found(similar(shelf, "alice", "alice-near")) == ["long", "far"]
    assert similar(shelf, "alice", "alice-near")[0].score == pytest.approx(0.685, abs=1e-3)


def test_a_new_vector_takes_the_place_of_all_and_an_older_one_of_none(
    shelf: Connection[Any], make_vector: MakeVector
) -> None:
    query = SearchQuery("alice", "", SearchMode.VECTOR, vector=make_vector(values=[1, 0]), model="model")
    with shelf.transaction():
        embed(shelf, "alice", "alice-long", make_vector, [0, 1], [[0, 1]], hours=1)
    assert found(search(shelf, query)) == ["near", "long"]
    with shelf.transaction():
        embed(shelf, "alice", "alice-long", make_vector, [0, 1], [[1, 0]], hours=0)
    assert found(search(shelf, query)) == ["near", "long"]
    with shelf.transaction():
        project_deletion(shelf, "alice", "alice-long", NOW)
    assert found(search(shelf, query)) == ["near"]
    left = shelf.execute("SELECT tenant_id, item_id, count(*) FROM passages GROUP BY 1, 2 ORDER BY 1, 2").fetchall()
    assert left == [("alice", "alice-hidden", 3), ("bob", "bob-hidden", 3), ("bob", "bob-long", 3)]
