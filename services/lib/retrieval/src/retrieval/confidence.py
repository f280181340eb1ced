"""Whether what was found is what was asked for: the best of a collection may still be nothing of the kind.

Words tell by how much of the query they match, on a scale that no embedder changes. Similarities tell by a threshold
that belongs to the embedder: what is near for one is far for another. Without one, a similarity tells nothing. With
one, an item may be the less near the more of the query's words it has: what counts is

    similarity + COVERAGE_WEIGHT * coverage

a linear classifier of the two features that tell best of those that were compared (docs/search.md).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from retrieval.query import Hit, ScoreType

COVERAGE_WEIGHT = 0.5
"""How much nearer all of the query's words make an item."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which values on a hit is one."""

    keyword_share: float = 0.2
    """`Hit.keyword_share`: about half of what is asked for, by weight, in an item of average length. It decides where
    there are words alone, and for embedders without a threshold."""
    similarity: Mapping[str, float] = field(default_factory=dict)
    """By embedding model: for an item with none of the query's words."""


def is_confident(hit: Hit, thresholds: Thresholds, model: str | None) -> bool | None:
    """Whether the hit is one, None where that cannot be told. What a query without words lists, was asked for."""
    if hit.bm25 is None and hit.similarity is None:
        return True
    has_words = hit.keyword_share is not None and hit.keyword_share >= thresholds.keyword_share
    if hit.score_type is ScoreType.BM25:
        return has_words
    least = thresholds.similarity.get(model or "")
    if least is None:
        return True if has_words else None
    return nearness(hit) >= least


def nearness(hit: Hit) -> float:
    """The value that is compared with a threshold of similarity."""
    return (hit.similarity or 0) + COVERAGE_WEIGHT * (hit.coverage or 0)


def best_is_confident(hits: Sequence[Hit], thresholds: Thresholds, model: str | None) -> bool | None:
    """Whether anything was found: any of the hits is one, or would be with the words of the item that has the most.

    That item need not be a hit. None where it cannot be told of any.
    """
    return any_confident([is_confident(_at_best(hit), thresholds, model) for hit in hits])


def any_confident(told: Collection[bool | None]) -> bool | None:
    """True where any is; None where that cannot be told of any."""
    if True in told:
        return True
    return None if None in told else False


WHOLE_SHARE = 0.45
"""`Hit.keyword_share` of an item of average length that has every word of the query once."""


def strength(hit: Hit) -> float:
    """How well the hit matches, 0 to 1: by words, or by meaning where that is more. What is listed matches wholly."""
    if hit.bm25 is None and hit.similarity is None:
        return 1.0
    return min(max((hit.keyword_share or 0.0) / WHOLE_SHARE, hit.similarity or 0.0, 0.0), 1.0)


def confident_only(hits: Sequence[Hit], thresholds: Thresholds, model: str | None) -> list[Hit]:
    """Without the hits that are known to be none; the first stays where anything was found."""
    kept = [hit for hit in hits if is_confident(hit, thresholds, model) is not False]
    return kept or list(hits[:1] if best_is_confident(hits, thresholds, model) else ())


def _at_best(hit: Hit) -> Hit:
    return replace(hit, coverage=hit.query_coverage)
