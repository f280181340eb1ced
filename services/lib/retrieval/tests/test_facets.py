"""How many items match, by facets, and items in the order of time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import Connection

from retrieval import (
    AnalyzedItem,
    Filters,
    InvalidQueryError,
    Order,
    Picture,
    Ranking,
    SearchMode,
    SearchQuery,
    count_matches,
    maintain_vector_indexes,
    project_analysis,
    project_picture,
    project_vector,
    search,
)
from retrieval.facets import FACETS

pytestmark = pytest.mark.integration

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]


@pytest.fixture
def trips(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> Connection[Any]:
    """Twelve items of Alice's, one a minute, every third a receipt; and one of Bob's."""
    for number in range(12):
        category = "Receipt" if number % 3 == 0 else "photo"
        place = "Kyoto, Japan" if number < 4 else "Lisbon"
        item = make_item(
            f"i{number:02}",
            "a cat" if number % 2 else "a dog",
            version=number + 1,
            category=category,
            media_metadata={"location_tags": [place]},
        )
        store(conn, "alice", item, make_vector(number))
    store(conn, "bob", make_item("i99", "a cat", category="bobs"), make_vector(1))
    maintain_vector_indexes(conn, exact_limit=1)
    return conn


def store(conn: Connection[Any], tenant: str, item: AnalyzedItem, vector: list[float]) -> None:
    when = datetime(2026, 2, 1, tzinfo=UTC)
    with conn.transaction():
        project_analysis(conn, tenant, item)
    with conn.transaction():
        project_vector(conn, tenant, item.item_id, vector=vector, model="model", analysis_version=1, embedded_at=when)


def asking(text: str, mode: SearchMode, make_vector: MakeVector, **fields: Any) -> SearchQuery:
    return SearchQuery("alice", text, mode, vector=make_vector(0), model="model", min_similarity=-1, **fields)


@pytest.mark.parametrize("ranking", [Ranking(), Ranking(exact_limit=1)])
def test_what_matches_is_counted_in_every_mode(
    trips: Connection[Any], make_vector: MakeVector, ranking: Ranking
) -> None:
    expected = {SearchMode.BM25: 6, SearchMode.VECTOR: 12, SearchMode.HYBRID: 12}
    for mode, total in expected.items():
        query = asking("cat", mode, make_vector, top_k=2)
        matches = count_matches(trips, query, ["category", "place", "category"], ranking)
        assert (matches.total, list(matches.facets)) == (total, ["category", "place"])
        assert list(matches.facets["category"].items()) == [("photo", total * 2 // 3), ("receipt", total // 3)]
        assert next(iter(matches.facets["place"].items())) == ("lisbon", total * 2 // 3)
        narrowed = replace(query, filters=Filters(place="lisbon"))
        assert count_matches(trips, narrowed, (), ranking).total == total * 2 // 3
        assert count_matches(trips, replace(query, text="the"), ["tag"], ranking).total == 0
        assert count_matches(trips, replace(query, text="???"), ["tag"], ranking).facets == {"tag": {}}


def test_without_words_everything_that_is_narrowed_to_is_counted(
    trips: Connection[Any], make_vector: MakeVector
) -> None:
    for mode in SearchMode:
        query = asking("category:receipt -place:kyoto", mode, make_vector, top_k=1)
        matches = count_matches(trips, query, FACETS)
        assert matches.total == 2
        assert matches.facets == {
            **{name: {} for name in FACETS},
            "category": {"receipt": 2},
            "place": {"lisbon": 2},
            "has_text": {"no": 2},
            "media_type": {"png": 2},
            "added": {"2026-01": 2},
        }
    everything = SearchQuery("alice", "", SearchMode.BM25)
    assert count_matches(trips, everything, ["added"]).facets == {"added": {"2026-01": 12}}
    assert count_matches(trips, replace(everything, filters=Filters(category="receipt"))).total == 4
    with pytest.raises(InvalidQueryError, match="unknown facets"):
        count_matches(trips, asking("cat", SearchMode.BM25, make_vector), ["colour"])


@pytest.fixture
def photos(trips: Connection[Any]) -> Connection[Any]:
    """Of the first six a picture each: one a month, backwards, two of them of one moment."""
    for number in range(6):
        month = max(6 - number, 2)
        picture = Picture(
            f"i{number:02}",
            datetime(2026, 2, 1, tzinfo=UTC),
            width=400 + number,
            height=402,
            taken_at=datetime(2025, month, 1),  # cameras know no zone
            camera_model="Pixel 9" if number % 2 else None,
        )
        with trips.transaction():
            project_picture(trips, "alice", picture)
    return trips


def test_pictures_are_counted_by_camera_month_and_orientation(photos: Connection[Any]) -> None:
    found = count_matches(photos, SearchQuery("alice", "", SearchMode.BM25), ["camera", "taken", "orientation"])
    assert found.total == 12
    assert found.facets == {
        "camera": {"pixel 9": 3},
        "taken": {"2025-02": 2, "2025-03": 1, "2025-04": 1, "2025-05": 1, "2025-06": 1},
        "orientation": {"landscape": 3, "portrait": 2, "square": 1},
    }


@pytest.mark.parametrize("mode", list(SearchMode))
def test_what_was_taken_last_or_first_comes_before_what_has_no_such_time(
    photos: Connection[Any], make_vector: MakeVector, mode: SearchMode
) -> None:
    dated, undated = [0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]
    for order, expected in (
        (Order.TAKEN_NEWEST, [*dated, *undated]),
        (Order.TAKEN_OLDEST, [4, 5, 3, 2, 1, 0, *undated]),
    ):
        hits = search(photos, asking("cat dog category:receipt", mode, make_vector, top_k=50, order=order))
        every = search(photos, asking("cat dog", mode, make_vector, top_k=50, order=order))
        assert [hit.item_id for hit in every] == [f"i{number:02}" for number in expected]
        assert [hit.item_id for hit in hits] == [hit.item_id for hit in every if hit.category == "Receipt"]
        assert [hit.taken_at is None for hit in every] == [False] * 6 + [True] * 6


@pytest.mark.parametrize("ranking", [Ranking(), Ranking(exact_limit=1)])
@pytest.mark.parametrize("mode", list(SearchMode))
def test_of_all_that_match_the_newest_or_oldest(
    trips: Connection[Any], make_vector: MakeVector, mode: SearchMode, ranking: Ranking
) -> None:
    cats = [f"i{number:02}" for number in range(12) if number % 2 or mode is not SearchMode.BM25]
    for order, expected in ((Order.NEWEST, cats[::-1]), (Order.OLDEST, cats)):
        hits = search(trips, asking("cat", mode, make_vector, top_k=3, order=order), ranking)
        assert [(hit.item_id, hit.rank) for hit in hits] == list(zip(expected, (1, 2, 3), strict=False))
        by_relevance = {
            hit.item_id: hit.score for hit in search(trips, asking("cat", mode, make_vector, top_k=50), ranking)
        }
        assert all(hit.score == by_relevance[hit.item_id] for hit in hits)
    listed = search(trips, asking("category:receipt", mode, make_vector, top_k=2, order=Order.OLDEST), ranking)
    assert [hit.item_id for hit in listed] == ["i00", "i03"]


@pytest.mark.parametrize("text", ["cat dog", "category:receipt"])
@pytest.mark.parametrize("order", [order for order in Order if order is not Order.RELEVANCE])
def test_a_page_begins_after_the_last_hit_of_the_page_before(
    photos: Connection[Any], make_vector: MakeVector, order: Order, text: str
) -> None:
    query = asking(text, SearchMode.BM25, make_vector, top_k=50, order=order)
    whole = [hit.item_id for hit in search(photos, query)]
    assert len(whole) > 2
    for last in search(photos, query)[:-1]:
        rest = search(photos, replace(query, after=last.place(order)))
        assert [hit.item_id for hit in rest] == whole[last.rank :]
