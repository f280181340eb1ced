"""The second look at the best hits: what it reorders, what it leaves, and what becomes of its faults."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from retrieval.errors import RerankerUnavailableError
from retrieval.query import Hit, Order, ScoreType, SearchMode, SearchQuery
from retrieval.reranking import MAX_CHARACTERS, Reranking, is_reranked, voyage_reranking
from retrieval.settings import RerankerSettings

QUERY = SearchQuery("alice", "ramen", vector=[1.0], model="m", top_k=3)
HITS = [
    Hit(f"i{n}", n, 1 / n, ScoreType.HYBRID, None, None, "", "", "", "", "", "", 1, {}, body=f"{n % 3}")
    for n in range(1, 8)
]


class ByNumber:
    """Takes the text's first character for its relevance."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Sequence[str]]] = []

    def relevances(self, query: str, texts: Sequence[str]) -> list[float]:
        self.asked.append((query, texts))
        return [float(text[0]) for text in texts]


def ids(hits: Sequence[Hit]) -> list[tuple[str, int]]:
    return [(hit.item_id, hit.rank) for hit in hits]


def test_the_window_is_reordered_and_the_rest_stays() -> None:
    reranking = Reranking(ByNumber(), window=5)
    found = reranking.reranked(replace(QUERY, top_k=7), "ramen", HITS)
    assert ids(found) == [("i2", 1), ("i5", 2), ("i1", 3), ("i4", 4), ("i3", 5), ("i6", 6), ("i7", 7)]
    assert [hit.score for hit in found[:2]] == [1 / 2, 1 / 5]


@pytest.mark.parametrize("top_k", [1, 2, 3, 5])
def test_the_first_results_do_not_depend_on_how_many_are_wanted(top_k: int) -> None:
    reranking = Reranking(ByNumber(), window=5)
    query = replace(QUERY, top_k=top_k)
    assert reranking.widened(query).top_k == 5
    assert reranking.widened(replace(QUERY, top_k=9)).top_k == 9
    found = reranking.reranked(query, "ramen", HITS[:5])
    assert found == reranking.reranked(replace(QUERY, top_k=7), "ramen", HITS)[:top_k]


@pytest.mark.parametrize(
    "changes", [{"mode": SearchMode.BM25}, {"mode": SearchMode.VECTOR}, {"order": Order.NEWEST}, {"vector": None}]
)
def test_who_asks_for_an_order_gets_it(changes: dict[str, Any]) -> None:
    query = replace(QUERY, **changes)
    reranker = ByNumber()
    reranking = Reranking(reranker, window=5)
    assert not is_reranked(query)
    assert reranking.widened(query) == query
    assert reranking.reranked(query, "ramen", HITS) == HITS[:3]
    assert reranker.asked == []


def test_nothing_is_paid_for_without_hits_and_no_more_than_needed() -> None:
    reranker = ByNumber()
    reranking = Reranking(reranker, window=2)
    assert reranking.reranked(QUERY, "ramen", []) == []
    reranking.reranked(QUERY, "ramen", [replace(HITS[0], body="1" * 9000), *HITS[1:]])
    ((query, texts),) = reranker.asked
    assert (query, [len(text) for text in texts]) == ("ramen", [MAX_CHARACTERS, 1])


def test_there_is_none_by_default() -> None:
    assert voyage_reranking(RerankerSettings(), api_key="k", base_url=None) is None


def test_a_fault_of_the_provider_is_an_error_of_this_library(monkeypatch: pytest.MonkeyPatch) -> None:
    from chassis import voyage

    def down(**settings: Any) -> Any:
        assert settings == {"api_key": "k", "base_url": None, "model": "rerank-2.5-lite", "timeout_s": 0.5}
        raise voyage.VoyageError(voyage.VoyageFault.UNAVAILABLE, "Timeout")

    monkeypatch.setattr(voyage, "VoyageReranker", down)
    settings = RerankerSettings(reranker="rerank-2.5-lite", reranker_timeout_s=0.5, reranker_window=9)
    reranking = voyage_reranking(settings, api_key="k", base_url=None)
    assert reranking is not None
    assert reranking.window == 9
    with pytest.raises(RerankerUnavailableError, match="voyage: Timeout"):
        reranking.reranked(QUERY, "ramen", HITS)
