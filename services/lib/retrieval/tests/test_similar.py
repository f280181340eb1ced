"""Items that mean much the same as another: by its own vector, of its tenant alone."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import Connection

from retrieval import (
    AnalyzedItem,
    Filters,
    ItemNotFoundError,
    NotEmbeddedError,
    Ranking,
    maintain_vector_indexes,
    project_analysis,
    project_deletion,
    project_vector,
    similar,
)

pytestmark = pytest.mark.integration

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]
NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def shelf(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> Connection[Any]:
    """Of Alice's items, b is the nearest to a, d the farthest, and x is by another model; Bob has a like a."""
    angles = {"a": [1, 0], "b": [1, 0.1], "c": [1, 1], "d": [-1, 0.1], "x": [1, 0]}
    for tenant, items in (("alice", angles), ("bob", {"bobs": [1, 0]})):
        for item, values in items.items():
            with conn.transaction():
                project_analysis(conn, tenant, make_item(item, item, category="photo" if item in "ac" else "receipt"))
            with conn.transaction():
                embed(conn, tenant, item, make_vector(values=values), "other" if item == "x" else "model")
    maintain_vector_indexes(conn, exact_limit=1)
    return conn


def embed(conn: Connection[Any], tenant: str, item: str, vector: list[float], model: str = "model") -> None:
    project_vector(conn, tenant, item, vector=vector, model=model, analysis_version=1, embedded_at=NOW)


@pytest.mark.parametrize("ranking", [Ranking(), Ranking(exact_limit=1)])
def test_the_nearest_come_first_and_the_item_itself_does_not(shelf: Connection[Any], ranking: Ranking) -> None:
    hits = similar(shelf, "alice", "a", ranking=ranking)
    assert [(hit.item_id, hit.rank) for hit in hits] == [("b", 1), ("c", 2), ("d", 3)]
    assert [hit.score for hit in hits] == pytest.approx([1 / 1.01**0.5, 0.5**0.5, -1 / 1.01**0.5], abs=1e-3)
    assert [hit.item_id for hit in similar(shelf, "alice", "a", top_k=1, ranking=ranking)] == ["b"]
    narrowed = similar(shelf, "alice", "a", filters=Filters(category="photo"), ranking=ranking)
    assert [hit.item_id for hit in narrowed] == ["c"]


@pytest.mark.parametrize("item", ["a", "unknown", "", "gone"])
def test_anothers_item_is_as_unknown_as_none(shelf: Connection[Any], item: str) -> None:
    with shelf.transaction():
        project_deletion(shelf, "bob", "gone", NOW)
    with pytest.raises(ItemNotFoundError):
        similar(shelf, "bob", item)


def test_an_item_on_its_way_is_not_embedded(
    shelf: Connection[Any], make_item: MakeItem, make_vector: MakeVector
) -> None:
    with shelf.transaction():
        project_analysis(shelf, "alice", make_item("described"))
    with shelf.transaction():
        embed(shelf, "alice", "embedded", make_vector(1))
    for item in ("described", "embedded"):
        with pytest.raises(NotEmbeddedError):
            similar(shelf, "alice", item)
