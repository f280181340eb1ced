"""Fits the thresholds of confidence: the most queries without an answer told, few answerable ones given up."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    """The threshold that tells most and gives up at most this share; of equals, the one that gives up least."""

    def quality(step: int) -> tuple[float, float]:
        tells = told(found, Thresholds(similarity={MODEL: step / 100}))
        return (-1, -tells.given_up) if tells.given_up > max_given_up else (tells.no_result, -tells.given_up)

    return Thresholds(similarity={MODEL: max(_STEPS, key=quality) / 100})
