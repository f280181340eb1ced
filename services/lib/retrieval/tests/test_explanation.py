"""Why items are found, and whether they are what was asked for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import Connection

from retrieval import (
    AnalyzedItem,
    Fusion,
    Hit,
    Ranking,
    ScoreType,
    SearchMode,
    SearchQuery,
    maintain_vector_indexes,
    project_analysis,
    project_vector,
    search,
)
from retrieval.confidence import Thresholds, best_is_confident, confident_only, is_confident
from retrieval.explanation import MAX_FRAGMENT, explain
from retrieval.settings import ConfidenceSettings

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]


@pytest.fixture
def items(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> Connection[Any]:
    """Three of Alice's."""
    when = datetime(2026, 2, 1, tzinfo=UTC)
    known = {
        "ramen": make_item("ramen", '"Ramen" and gyoza, in Kyoto.', headline="Noodle soups", category="Food"),
        "tower": make_item("tower", "夜の東京タワーです", image_details={"extracted_text": ["TOKYO TOWER"]}),
        "long": make_item("long", "filler " * 100 + "a hidden noodle " + "filler " * 100),
    }
    for item_id, item in known.items():
        with conn.transaction():
            project_analysis(conn, "alice", item)
        with conn.transaction():
            project_vector(
                conn, "alice", item_id, vector=make_vector(item_id), model="m", analysis_version=1, embedded_at=when
            )
    return conn


@pytest.mark.integration
@pytest.mark.parametrize("ranking", [Ranking(), Ranking(fusion=Fusion.RRF), Ranking(exact_limit=1)])
def test_shares_add_up_to_the_score_and_words_are_shown_where_they_are(
    items: Connection[Any], make_vector: MakeVector, ranking: Ranking
) -> None:
    maintain_vector_indexes(items, exact_limit=ranking.exact_limit)
    query = SearchQuery("alice", "noodles ramen 東京", vector=make_vector("tower"), model="m", min_similarity=-1)
    hits = search(items, query, ranking)
    found = explain(items, query, hits, ranking)
    assert list(found) == [hit.item_id for hit in hits]
    for hit in hits:
        why = found[hit.item_id]
        assert (why.keyword_share or 0) + (why.vector_share or 0) == pytest.approx(hit.score, abs=1e-8)
    assert {found[item].vector_rank for item in found} == {1, 2, 3}
    assert (found["tower"].vector_rank, found["ramen"].keyword_rank) == (1, 1)
    assert (found["ramen"].terms, found["ramen"].fields) == (("Noodle", "Ramen"), ("headline", "summary"))
    assert found["ramen"].highlights[1].pieces == (('"', False), ("Ramen", True), ('" and gyoza, in Kyoto.', False))
    assert found["tower"].highlights[0].pieces == (("夜の", False), ("東京", True), ("タワーです", False))
    (fragment,) = found["long"].highlights
    assert ("noodle", True) in fragment.pieces
    assert sum(len(text) for text, _ in fragment.pieces) <= 2 * MAX_FRAGMENT


@pytest.mark.integration
def test_one_way_of_searching_has_one_rank(items: Connection[Any], make_vector: MakeVector) -> None:
    for mode, ranks in ((SearchMode.BM25, (1, None)), (SearchMode.VECTOR, (None, 1))):
        query = SearchQuery("alice", "ramne gyoza", mode, vector=make_vector("ramen"), model="m")
        why = explain(items, query, search(items, query))["ramen"]
        assert (why.keyword_rank, why.vector_rank, why.keyword_share, why.vector_share) == (*ranks, None, None)
        assert why.terms == ("Ramen", "gyoza")
    listed = SearchQuery("alice", "category:food")
    why = explain(items, listed, search(items, listed))["ramen"]
    assert (why.keyword_rank, why.vector_rank, why.vector_share, why.highlights) == (None, None, None, ())
    assert explain(items, SearchQuery("alice", "nothing", SearchMode.BM25), []) == {}


@pytest.mark.integration
def test_the_share_of_words_is_in_every_search_by_words(items: Connection[Any], make_vector: MakeVector) -> None:
    query = SearchQuery("alice", "ramen gyoza", SearchMode.BM25)
    (hit,) = search(items, query)
    assert 0.3 < (hit.keyword_share or 0) < 0.8
    (half,) = search(items, SearchQuery("alice", "ramen qx7731", SearchMode.BM25))
    assert 0 < (half.keyword_share or 0) < (hit.keyword_share or 0) / 2
    vector = SearchQuery("alice", "ramen", SearchMode.VECTOR, vector=make_vector("ramen"), model="m")
    assert search(items, vector)[0].keyword_share is None


def hit(
    score_type: ScoreType,
    bm25: float | None,
    similarity: float | None,
    share: float | None,
    coverage: float | None = None,
) -> Hit:
    texts = ("Food", "Ramen", "A bowl.", "a.png", "IMG.png", "analysis")
    return Hit("item", 1, 0.5, score_type, bm25, similarity, *texts, 1, {}, "Ramen", share, coverage, coverage)


KNOWN = Thresholds(0.2, {"m": 0.4})


@pytest.mark.parametrize(
    ("found", "model", "expected"),
    [
        (hit(ScoreType.BM25, -2, None, 0.2), "m", True),
        (hit(ScoreType.BM25, -2, None, 0.19), "m", False),
        (hit(ScoreType.SIMILARITY, None, 0.4, None), "m", True),
        (hit(ScoreType.SIMILARITY, None, 0.39, None), "m", False),
        (hit(ScoreType.SIMILARITY, None, 0.9, None), "other", None),
        (hit(ScoreType.SIMILARITY, None, 0.9, None), None, None),
        (hit(ScoreType.HYBRID, -2, 0.1, 0.2), "other", True),
        (hit(ScoreType.HYBRID, -1, 0.4, 0.1), "m", True),
        (hit(ScoreType.HYBRID, -1, 0.1, 0.3, 0.5), "m", False),
        (hit(ScoreType.HYBRID, -1, 0.1, 0.3, 0.6), "m", True),
        (hit(ScoreType.HYBRID, -1, None, 0.1, 0.7), "m", False),
        (hit(ScoreType.HYBRID, -1, None, 0.1, 0.8), "m", True),
        (hit(ScoreType.HYBRID, None, None, None), "m", True),
    ],
)
def test_whether_a_hit_is_one(found: Hit, model: str | None, expected: bool | None) -> None:
    assert is_confident(found, KNOWN, model) is expected
    assert best_is_confident([found], KNOWN, model) is expected


def test_whether_anything_was_found() -> None:
    near, far = (hit(ScoreType.SIMILARITY, None, value, None) for value in (0.9, 0.1))
    assert best_is_confident([far, near], KNOWN, "m") is True
    assert best_is_confident([far, far], KNOWN, "m") is False
    assert best_is_confident([], KNOWN, "m") is False


def test_words_of_an_item_that_is_no_hit_count_for_the_query_alone() -> None:
    hits = [replace(hit(ScoreType.HYBRID, None, value, None), query_coverage=0.5) for value in (0.2, 0.1)]
    assert best_is_confident(hits, KNOWN, "m") is True
    assert confident_only(hits, KNOWN, "m") == hits[:1]
    far = [replace(each, query_coverage=0.3) for each in hits]
    assert best_is_confident(far, KNOWN, "m") is False
    assert confident_only(far, KNOWN, "m") == []
    assert confident_only(far, KNOWN, "other") == far
    assert confident_only([replace(hits[0], similarity=0.5), *far], KNOWN, "m") == [replace(hits[0], similarity=0.5)]


def test_thresholds_are_set_by_model() -> None:
    assert ConfidenceSettings().thresholds == Thresholds()
    given = ConfidenceSettings(confident_similarity="a=0.5,b-1=1", confident_keyword_share=0.1)
    assert given.thresholds == Thresholds(0.1, {"a": 0.5, "b-1": 1.0})
    for wrong in ("a", "a=2", "a=0.5,", "=1"):
        with pytest.raises(ValueError, match="confident_similarity"):
            ConfidenceSettings(confident_similarity=wrong)
