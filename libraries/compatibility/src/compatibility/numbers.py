"""Finds a number that meets demands, or proves that there is none; exact arithmetic throughout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, gcd, lcm

from jsonschema import Draft202012Validator

from compatibility.model import JsonValue
from compatibility.questions import OpenQuestionError
from compatibility.terms import Limit, Values

_MAX_TRIED = 20_000
_SPARE = 50


def exact(number: JsonValue) -> Fraction:
    """A JSON number as written in decimal notation."""
    return Fraction(str(number)) if isinstance(number, float) else Fraction(number)


def as_json(number: Fraction) -> int | float | None:
    """The number as JSON has it; None where a double would not be exactly its decimal notation."""
    if number.denominator == 1:
        return int(number)
    double = float(number)
    return double if Fraction(str(double)) == number else None


@dataclass
class _Demand:
    low: Fraction | None = None
    low_open: bool = False
    high: Fraction | None = None
    high_open: bool = False
    step: Fraction | None = None
    not_steps: list[Fraction] = field(default_factory=list)
    excluded: set[Fraction] = field(default_factory=set)
    limits: list[Limit] = field(default_factory=list)

    def above(self, bound: Fraction, *, strictly: bool) -> None:
        if self.low is None or bound > self.low or (bound == self.low and strictly):
            self.low, self.low_open = bound, strictly

    def below(self, bound: Fraction, *, strictly: bool) -> None:
        if self.high is None or bound < self.high or (bound == self.high and strictly):
            self.high, self.high_open = bound, strictly

    def multiple(self, of: Fraction) -> None:
        self.step = of if self.step is None else _common(self.step, of)

    def inside(self, number: Fraction) -> bool:
        if self.low is not None and (number < self.low or (self.low_open and number == self.low)):
            return False
        return not (self.high is not None and (number > self.high or (self.high_open and number == self.high)))

    def met_by(self, number: Fraction) -> bool:
        if not self.inside(number) or number in self.excluded:
            return False
        if self.step is not None and (number / self.step).denominator != 1:
            return False
        return all((number / step).denominator != 1 for step in self.not_steps)

    def written(self, number: Fraction) -> int | float | None:
        """The number as JSON has it; None where validators may take it for another one, or compute another answer."""
        found = as_json(number)
        return found if found is not None and all(_holds(limit, found) for limit in self.limits) else None


def _holds(limit: Limit, number: float) -> bool:
    """Whether a validator that computes in doubles agrees."""
    schema = {"type": "integer"} if limit.keyword == "integer" else {limit.keyword: limit.value}
    return bool(Draft202012Validator(schema).is_valid(number)) is limit.positive


def _common(one: Fraction, other: Fraction) -> Fraction:
    """The smallest number that is a whole multiple of both."""
    denominator = lcm(one.denominator, other.denominator)
    first, second = int(one * denominator), int(other * denominator)
    return Fraction(first * second // gcd(first, second), denominator)


def _demand(leaves: Iterable[object]) -> _Demand:
    limits = _Demand()
    for leaf in leaves:
        if isinstance(leaf, Values):
            limits.excluded |= {exact(value) for value in leaf.values}
        elif isinstance(leaf, Limit):
            limits.limits.append(leaf)
            _add(limits, leaf)
    return limits


def _add(limits: _Demand, limit: Limit) -> None:
    value = Fraction(1) if limit.keyword == "integer" else exact(limit.value)
    match limit.keyword, limit.positive:
        case ("minimum", True) | ("exclusiveMaximum", False):
            limits.above(value, strictly=False)
        case ("exclusiveMinimum", True) | ("maximum", False):
            limits.above(value, strictly=True)
        case ("maximum", True) | ("exclusiveMinimum", False):
            limits.below(value, strictly=False)
        case ("exclusiveMaximum", True) | ("minimum", False):
            limits.below(value, strictly=True)
        case (("multipleOf" | "integer"), True):
            limits.multiple(value)
        case (("multipleOf" | "integer"), False):
            limits.not_steps.append(value)


def find_number(leaves: Iterable[object]) -> int | float | None:
    """A number, a plain one where possible; None is a proof. ``OpenQuestionError``: not decided."""
    demand = _demand(leaves)
    low, high = demand.low, demand.high
    if low is not None and high is not None and (low > high or (low == high and (demand.low_open or demand.high_open))):
        return None
    if demand.step is not None:
        return _on_grid(demand, demand.step)
    inexact = False
    for number in _between(demand):
        if demand.met_by(number):
            found = demand.written(number)
            if found is not None:
                return found
            inexact = True
    if low is not None and low == high and not inexact:
        return None
    raise OpenQuestionError("no number with an exact double was found")


def _on_grid(demand: _Demand, step: Fraction) -> int | float | None:
    if any((step / other).denominator == 1 for other in demand.not_steps):
        return None
    period = step
    for other in demand.not_steps:
        period = _common(period, other)
    # Some more, for a double may miss what is a multiple in decimal notation.
    enough = int(period / step) * (len(demand.excluded) + 2) + _SPARE
    low = None if demand.low is None else ceil(demand.low / step)
    high = None if demand.high is None else floor(demand.high / step)
    finite = low is not None and high is not None and high - low <= 2 * enough
    if not finite and enough > _MAX_TRIED:
        raise OpenQuestionError("multiples repeat too late")
    if low is not None:
        candidates = range(low, (high if finite and high is not None else low + enough) + 1)
    elif high is not None:
        candidates = range(high, high - enough - 1, -1)
    else:
        candidates = range(enough + 1)
    if len(candidates) > _MAX_TRIED:
        raise OpenQuestionError("too many multiples to try")
    inexact = False
    preferred = [0, 1] if finite or low is None or low <= 1 else []
    for factor in [*preferred, *candidates]:
        if demand.met_by(factor * step):
            found = demand.written(factor * step)
            if found is not None:
                return found
            inexact = True
    if inexact:
        raise OpenQuestionError("no number with an exact double was found")
    return None


def _between(demand: _Demand) -> Iterator[Fraction]:
    """Plain candidates of a range, then ever finer ones; the excluded ones cannot exhaust them."""
    low, high = demand.low, demand.high
    for number in (0, 1, -1):
        yield Fraction(number)
    start = low if low is not None else (high - abs(high) - 1000 if high is not None else Fraction(0))
    end = high if high is not None else start + abs(start) + 1000
    yield from (start, end)
    for offset in (1, 2, Fraction(1, 2), Fraction(1, 10), Fraction(1, 4), Fraction(1, 100)):
        yield Fraction(floor(start)) + offset
        yield start + offset
        yield end - offset
    for parts in (2, 4, 10, 16, 3, 7, 100, 1000):
        for part in range(1, parts):
            rough = start + (end - start) * part / parts
            yield rough
            yield Fraction(str(float(rough)))
