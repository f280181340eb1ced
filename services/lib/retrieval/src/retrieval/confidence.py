"""Whether what was found is what was asked for: the best of a collection may still be nothing of the kind.

Words tell by how much of the query they match, on a scale that no embedder changes. Similarities tell by a threshold
that belongs to the embedder: what is near for one is far for another. Without one, a similarity tells nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from retrieval.query import Hit, ScoreType


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which values on a hit is one."""

    keyword_share: float = 0.2
    """`Hit.keyword_share`: about half of what is asked for, by weight, in an item of average length."""
    similarity: Mapping[str, float] = field(default_factory=dict)
    """By embedding model."""


def is_confident(hit: Hit, thresholds: Thresholds, model: str | None) -> bool | None:
    """Whether the hit is one, None where that cannot be told. What a query without words lists, was asked for."""
    if hit.bm25 is None and hit.similarity is None:
        return True
    if hit.keyword_share is not None and hit.keyword_share >= thresholds.keyword_share:
        return True
    if hit.score_type is ScoreType.BM25:
        return False
    least = thresholds.similarity.get(model or "")
    if least is None:
        return None
    return hit.similarity is not None and hit.similarity >= least


def best_is_confident(hits: Sequence[Hit], thresholds: Thresholds, model: str | None) -> bool | None:
    """Whether anything was found: any of the hits is one. None where that cannot be told of any."""
    return any_confident([is_confident(hit, thresholds, model) for hit in hits])


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
