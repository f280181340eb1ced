"""Fits the fusion of words and meaning (`Ranking`), offline: each query is asked once for both legs of every item."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from benchmarks.golden.asking import Collection, Found, K
from mesh.evaluate.metrics import ndcg
from mesh.evaluate.scoring import Query
from retrieval.query import DEFAULT_RANKING, Ranking, SearchMode

_BOTH_LEGS = replace(DEFAULT_RANKING, bm25_weight=1, vector_weight=0, coverage_power=0, exact_bonus=1, window=1_000)
"""A score of this is the share of words, and 1 where they are as they are written: what hits do not say themselves."""
_EVERY = 1_000
_WEIGHTS = np.linspace(0, 1, 21).round(2).tolist()
_POWERS = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
_BONUSES = (0.0, 0.1, 0.2, 0.3, 0.4)
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Legs:
    """Both legs of one query, by item in the order of ids: shares of words and similarities, 0 to 1."""

    query: Query
    names: Sequence[str]
    words: Values
    is_written: Values
    """1 for an item with all of the query's words as they are written, else 0."""
    similarity: Values
    coverage: float
    """The greatest share of the query's idf that one item has."""

    def best(self, ranking: Ranking) -> list[str]:
        """The first `K` of the fusion of scores, as the search statement computes it."""
        by_words = ranking.bm25_weight * self.coverage**ranking.coverage_power
        by_meaning = ranking.bm25_weight + ranking.vector_weight - by_words
        words = np.minimum(self.words + ranking.exact_bonus * self.is_written, 1)
        scores = (by_words * words + by_meaning * self.similarity).round(9)
        return [self.names[place] for place in np.argsort(-scores, kind="stable")[:K]]


@dataclass(frozen=True, slots=True)
class Fit:
    """A ranking and its NDCG@10 on the queries that it was fitted on, and on those held out."""

    ranking: Ranking
    fitted: float
    held_out: float


def legs_of(collection: Collection, asked: Sequence[Query]) -> list[Legs]:
    """The legs of the queries that have an answer."""
    answerable = [query for query in asked if any(query.relevant.values())]
    found = collection.ask(answerable, SearchMode.HYBRID, _BOTH_LEGS, top_k=_EVERY)
    return [_legs(collection, each) for each in found]


def _legs(collection: Collection, found: Found) -> Legs:
    hits = sorted(found.hits, key=lambda hit: hit.item_id)
    words = np.array([hit.keyword_share or 0.0 for hit in hits])
    scores = np.array([hit.score for hit in hits])
    return Legs(
        found.query,
        [collection.name(hit) for hit in hits],
        words,
        (scores > words + 1e-6).astype(float),
        np.array([max(hit.similarity or 0.0, 0.0) for hit in hits]),
        max((hit.query_coverage or 0.0 for hit in hits), default=0.0),
    )


def mean_ndcg(legs: Sequence[Legs], ranking: Ranking) -> float:
    """NDCG@10 of the fusion, 0 to 1."""
    return float(np.mean([ndcg(each.best(ranking), each.query.relevant, K) for each in legs]))


def fit_fusion(fitted: Sequence[Legs], held_out: Sequence[Legs], *, powers: Sequence[float] = _POWERS) -> Fit:
    """The best of a grid on the first; of equals, the one nearest to the defaults."""
    best = max(_grid(powers), key=lambda ranking: (round(mean_ndcg(fitted, ranking), 6), -_distance(ranking)))
    return scored(best, fitted, held_out)


def scored(ranking: Ranking, fitted: Sequence[Legs], held_out: Sequence[Legs]) -> Fit:
    """The figures of this ranking, four digits each."""
    return Fit(ranking, round(mean_ndcg(fitted, ranking), 4), round(mean_ndcg(held_out, ranking), 4))


def _grid(powers: Sequence[float]) -> Iterator[Ranking]:
    for weight, power, bonus in product(_WEIGHTS, powers, _BONUSES):
        meaning = round(1 - weight, 2)
        yield replace(
            DEFAULT_RANKING, bm25_weight=weight, vector_weight=meaning, coverage_power=power, exact_bonus=bonus
        )


def _distance(ranking: Ranking) -> float:
    return sum(
        abs(one - other)
        for one, other in (
            (ranking.bm25_weight, DEFAULT_RANKING.bm25_weight),
            (ranking.coverage_power / 6, DEFAULT_RANKING.coverage_power / 6),
            (ranking.exact_bonus, DEFAULT_RANKING.exact_bonus),
        )
    )
