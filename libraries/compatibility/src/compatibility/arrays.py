"""Builds an array that meets demands, or proves that there is none.

Only lengths up to the demands' own size matter: every further item could be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations

from compatibility.model import JsonValue
from compatibility.questions import ExhaustedError, OpenQuestionError
from compatibility.search import Questions, Result, Search
from compatibility.terms import ArrayShape, Count, Goal, ItemHolder, Leaf, Limit, Term

_MAX_LENGTH = 200

Terms = frozenset[Term]


@dataclass
class _Demand:
    shapes: list[ArrayShape] = field(default_factory=list)
    holders: list[ItemHolder] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    shortest: int = 0
    longest: int | None = None
    unique: bool = False
    repeated: bool = False

    def add(self, leaf: Leaf) -> None:
        match leaf:
            case ArrayShape():
                self.shapes.append(leaf)
            case ItemHolder():
                self.holders.append(leaf)
            case Count():
                self.counts.append(leaf)
            case Limit("uniqueItems", _, positive):
                self.unique, self.repeated = self.unique or positive, self.repeated or not positive
            case Limit("minItems", value, True):
                self.shortest = max(self.shortest, value)
            case Limit("maxItems", value, False):
                self.shortest = max(self.shortest, value + 1)
            case Limit("maxItems", value, True):
                self.limit(value)
            case Limit("minItems", value, False):
                self.limit(value - 1)

    def limit(self, value: int) -> None:
        self.longest = value if self.longest is None else min(self.longest, value)

    def lengths(self) -> range:
        """The lengths worth trying."""
        low = max([self.shortest, 2 if self.repeated else 0, *(holder.start + 1 for holder in self.holders)])
        wanted = len(self.holders) + sum(count.low for count in self.counts) + (2 if self.repeated else 0)
        base = max([low, *(len(shape.prefix) for shape in self.shapes)]) if wanted else low
        high = base + wanted
        if self.longest is not None:
            high = min(high, self.longest)
        if low <= high and high > _MAX_LENGTH:
            raise OpenQuestionError(f"arrays longer than {_MAX_LENGTH} are not built")
        return range(low, high + 1)

    def terms(self, index: int) -> Terms:
        return frozenset(term for shape in self.shapes for term in shape.terms(index))


def arrays(search: Search, leaves: Iterable[Leaf]) -> Iterator[Result]:
    """Arrays that meet the demands, one for each way to meet the aimed one."""
    demand = _Demand()
    for leaf in leaves:
        demand.add(leaf)
    if demand.unique and demand.repeated:
        return
    questions = Questions()
    for length in demand.lengths():
        slots = [demand.terms(index) for index in range(length)]
        if not _all_possible(search, slots, questions):
            if not questions.reasons:
                return
            continue
        for filled, aimed in _held(search, demand.holders, slots, None):
            for counted in _counted(search, demand.counts, filled, aimed[0] if aimed else None):
                yield from questions.drain(_built(search, demand, counted, aimed))
    questions.settle()


def _all_possible(search: Search, slots: list[Terms], questions: Questions) -> bool:
    for terms in slots:
        try:
            if search.model(terms) is None:
                return False
        except ExhaustedError:
            raise
        except OpenQuestionError as error:
            questions.reasons.append(str(error))
            return False
    return True


Aimed = tuple[int, Goal] | None


def _held(
    search: Search, holders: list[ItemHolder], slots: list[Terms], aimed: Aimed
) -> Iterator[tuple[list[Terms], Aimed]]:
    """Every way to give each holder an item; items with equal demands are interchangeable."""
    if not holders:
        yield slots, aimed
        return
    holder, rest = holders[0], holders[1:]
    last = holder.start if holder.exact else len(slots) - 1
    tried: set[Terms] = set()
    for index in range(holder.start, last + 1):
        search.step()
        if slots[index] in tried and not (aimed and aimed[0] == index):
            continue
        tried.add(slots[index])
        changed = [*slots]
        changed[index] = slots[index] | holder.besides
        if holder.goal.aimed:
            yield from _held(search, rest, changed, (index, holder.goal))
        else:
            changed[index] |= {holder.goal.term}
            yield from _held(search, rest, changed, aimed)


def _counted(search: Search, counts: list[Count], slots: list[Terms], aimed: int | None) -> Iterator[list[Terms]]:
    """Every way to choose the items that satisfy a counted term."""
    if not counts:
        yield slots
        return
    count, rest = counts[0], counts[1:]
    most = count.low if count.high is None else min(count.high, len(slots))
    for number in range(count.low, most + 1):
        tried: set[tuple[bool, tuple[tuple[Term, ...], ...]]] = set()
        for chosen in combinations(range(len(slots)), number):
            search.step()
            # The aimed item has a demand of its own that is not among its terms yet.
            shape = aimed in chosen, tuple(sorted(tuple(sorted(slots[index])) for index in chosen))
            if shape in tried:
                continue
            tried.add(shape)
            other = frozenset[Term]() if count.high is None else frozenset({count.term.negated()})
            marked = [terms | ({count.term} if index in chosen else other) for index, terms in enumerate(slots)]
            yield from _counted(search, rest, marked, aimed)


def _built(search: Search, demand: _Demand, slots: list[Terms], aimed: Aimed) -> Iterator[Result]:
    if demand.repeated:
        yield from _with_repetition(search, slots, aimed)
        return
    if aimed is None:
        values = _values(search, slots, demand.unique, {})
        if values is not None:
            yield None, values
        return
    index, goal = aimed
    for blame, value in search.explore(slots[index], goal.term):
        values = _values(search, slots, demand.unique, {index: value})
        if values is not None:
            yield blame, values


def _values(search: Search, slots: list[Terms], unique: bool, given: dict[int, JsonValue]) -> list[JsonValue] | None:
    """An item for each slot; None is a proof unless items must differ and have different demands."""
    values = dict(given)
    others = [index for index in range(len(slots)) if index not in given]
    for index in others:
        terms = slots[index]
        if unique:
            terms |= {search.different_from(value) for value in values.values()}
        found = search.model(terms)
        if found is None:
            if unique and (given or len({slots[other] for other in others}) > 1):
                raise OpenQuestionError("not every choice of distinct items was tried")
            return None
        values[index] = found.value
    return [values[index] for index in range(len(slots))]


def _with_repetition(search: Search, slots: list[Terms], aimed: Aimed) -> Iterator[Result]:
    """Arrays in which two items are equal; an aimed item beside that is not distinguished."""
    if aimed is not None:
        slots = [*slots]
        slots[aimed[0]] |= {aimed[1].term}
    questions = Questions()
    for one, other in combinations(range(len(slots)), 2):
        search.step()
        try:
            found = search.model(slots[one] | slots[other])
            values = _values(search, slots, False, {one: found.value, other: found.value}) if found else None
        except ExhaustedError:
            raise
        except OpenQuestionError as error:
            questions.reasons.append(str(error))
            continue
        if values is not None:
            yield None, values
    questions.settle()
