"""Metrics of ranked results, and bootstrap intervals. All values are 0 to 1; a grade is 0 (wrong) or more."""

import math
import random
import statistics
from collections.abc import Mapping, Sequence

RESAMPLES = 1000
_SEED = 20261130


def precision(found: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """The share of the first k places that have a relevant item."""
    return len(_relevant(found, grades, k)) / k


def recall(found: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """The share of the relevant items that are among the first k."""
    wanted = {item for item, grade in grades.items() if grade > 0}
    return len(_relevant(found, grades, k)) / len(wanted) if wanted else 0.0


def reciprocal_rank(found: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """1 over the place of the first relevant item, 0 where none is among the first k."""
    places = (place for place, item in enumerate(found[:k], start=1) if grades.get(item, 0) > 0)
    return 1 / next(places, math.inf)


def ndcg(found: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """Discounted gain (2^grade - 1) of the first k, as a share of the best possible order's."""
    best = _gain(sorted(grades.values(), reverse=True)[:k])
    unique = list(dict.fromkeys(found))[:k]
    return _gain([grades.get(item, 0) for item in unique]) / best if best else 0.0


def _gain(grades: Sequence[int]) -> float:
    return sum((2.0**grade - 1) / math.log2(place + 1) for place, grade in enumerate(grades, start=1))


def _relevant(found: Sequence[str], grades: Mapping[str, int], k: int) -> set[str]:
    return {item for item in found[:k] if grades.get(item, 0) > 0}


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean of one value or more; the same for the same values."""
    draw = random.Random(_SEED)  # resampling, no secret
    means = sorted(statistics.fmean(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[round(0.025 * (RESAMPLES - 1))], means[round(0.975 * (RESAMPLES - 1))]
