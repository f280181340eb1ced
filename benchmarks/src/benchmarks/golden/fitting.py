"""Fits the thresholds of confidence: the most queries without an answer told, few answerable ones given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from benchmarks.golden.asking import MODEL, Found
from retrieval.confidence import Thresholds, best_is_confident

MAX_GIVEN_UP = 0.02
_STEPS = range(85, 4, -1)  # hundredths; of equals the strictest


@dataclass(frozen=True, slots=True)
class Told:
    """Shares: of the queries without an answer that are told, and of the others that are taken for such."""

    no_result: float
    given_up: float


def told(found: Sequence[Found], thresholds: Thresholds) -> Told:
    """How well these thresholds tell; there must be queries of both kinds."""
    said = {True: [0, 0], False: [0, 0]}
    for each in found:
        counts = said[bool(each.query.relevant)]
        counts[0] += best_is_confident(each.hits, thresholds, MODEL) is False
        counts[1] += 1
    (given_up, answerable), (right, unanswerable) = said[True], said[False]
    return Told(right / unanswerable, given_up / answerable)


def fit(found: Sequence[Found], max_given_up: float = MAX_GIVEN_UP) -> Thresholds:
    """The thresholds that tell most and give up at most this share; of equals, those that give up least."""
    best = [_Best.of(each) for each in found]

    def quality(at: tuple[int, int]) -> tuple[float, int]:
        share, similarity = (step / 100 for step in at)
        nothing = [each for each in best if not each.is_found(share, similarity)]
        lost = sum(each.is_answerable for each in nothing)
        if lost > max_given_up * sum(each.is_answerable for each in best):
            return (-1, -lost)
        return (len(nothing) - lost, -lost)

    share, similarity = max(product(_STEPS, _STEPS), key=quality)
    return Thresholds(share / 100, {MODEL: similarity / 100})


@dataclass(frozen=True, slots=True)
class _Best:
    """What decides: any hit may pass either threshold, so the highest of each."""

    is_answerable: bool
    is_listed: bool
    share: float
    similarity: float

    @classmethod
    def of(cls, found: Found) -> "_Best":
        return cls(
            bool(found.query.relevant),
            any(hit.bm25 is None and hit.similarity is None for hit in found.hits),
            max((hit.keyword_share or 0 for hit in found.hits), default=0),
            max((hit.similarity or 0 for hit in found.hits), default=0),
        )

    def is_found(self, share: float, similarity: float) -> bool:
        return self.is_listed or self.share >= share or self.similarity >= similarity
