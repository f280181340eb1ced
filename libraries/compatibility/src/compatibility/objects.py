"""Builds an object that meets demands, or proves that there is none.

A property is left out unless something demands it. Names that no demand mentions are interchangeable as far as they
match the same patterns, so one fresh name for each set of patterns stands for them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product

from compatibility.model import JsonValue
from compatibility.questions import OpenQuestionError
from compatibility.search import Questions, Result, Search
from compatibility.strings import StringDemand
from compatibility.terms import Goal, Holder, Key, Leaf, Limit, Names, ObjectShape, Term

_MAX_PATTERNS = 6
_MAX_ADDED = 200

Terms = frozenset[Term]


@dataclass
class _Demand:
    shapes: list[ObjectShape] = field(default_factory=list)
    names: list[Term] = field(default_factory=list)
    holders: list[Holder] = field(default_factory=list)
    required: dict[str, None] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    fewest: int = 0
    most: int | None = None

    def add(self, leaf: Leaf) -> None:
        match leaf:
            case ObjectShape():
                self.shapes.append(leaf)
            case Names(term):
                self.names.append(term)
            case Holder():
                self.holders.append(leaf)
            case Key(name, True):
                self.required[name] = None
            case Key(name, False):
                self.absent.add(name)
            case Limit("minProperties", value, True):
                self.fewest = max(self.fewest, value)
            case Limit("maxProperties", value, False):
                self.fewest = max(self.fewest, value + 1)
            case Limit("maxProperties", value, True):
                self.limit(value)
            case Limit("minProperties", value, False):
                self.limit(value - 1)

    def limit(self, value: int) -> None:
        self.most = value if self.most is None else min(self.most, value)

    def known(self) -> list[str]:
        """Every name that a demand mentions."""
        found = dict(self.required) | dict.fromkeys(sorted(self.absent))
        for shape in self.shapes:
            found |= dict.fromkeys(shape.named) | dict.fromkeys(sorted(shape.covered_names))
        for holder in self.holders:
            found |= dict.fromkeys([holder.name] if holder.name is not None else sorted(holder.outside_names))
        return list(found)

    def patterns(self) -> list[str]:
        """Every pattern that a demand mentions."""
        found: dict[str, None] = {}
        for shape in self.shapes:
            found |= dict.fromkeys(shape.patterned) | dict.fromkeys(sorted(shape.covered_patterns))
        for holder in self.holders:
            found |= dict.fromkeys([holder.pattern] if holder.pattern is not None else [])
            found |= dict.fromkeys(sorted(holder.outside_patterns))
        return list(found)

    def terms(self, name: str, matched: frozenset[str] | None = None) -> Terms:
        """The demands on the value of a property; ``matched`` are the patterns that its name matches, if known."""
        result: set[Term] = set()
        for shape in self.shapes:
            result |= {Term(shape.side, pointer, True) for key, pointer in shape.named.items() if key == name}
            result |= {
                Term(shape.side, pointer, True)
                for pattern, pointer in shape.patterned.items()
                if (re.search(pattern, name) if matched is None else pattern in matched)
            }
            covered = name in shape.covered_names or any(
                (re.search(pattern, name) if matched is None else pattern in matched)
                for pattern in shape.covered_patterns
            )
            if shape.others is not None and not covered:
                result.add(Term(shape.side, shape.others, True))
        return frozenset(result)


Aimed = tuple[str, Goal] | None


@dataclass(frozen=True)
class _Filled:
    """The demands on the values of the properties that must be there, and which of them holds the aimed violation."""

    values: dict[str, Terms]
    aimed: Aimed = None
    limited: bool = False


def objects(search: Search, leaves: Iterable[Leaf]) -> Iterator[Result]:
    """Objects that meet the demands, one for each way to meet the aimed one."""
    demand = _Demand()
    for leaf in leaves:
        demand.add(leaf)
    if demand.absent & demand.required.keys() or (demand.most is not None and demand.most < len(demand.required)):
        return
    start: dict[str, Terms] = {}
    for name in demand.required:
        start[name] = demand.terms(name)
        if not all(search.holds(term, name) for term in demand.names):
            return
    questions = Questions()
    limited = False
    for filled in questions.drain(_held(search, demand, demand.holders, _Filled(start))):
        if demand.most is not None and len(filled.values) > demand.most:
            limited = limited or filled.limited
            continue
        yield from questions.drain(_built(search, demand, filled))
    if limited:
        questions.reasons.append("not every way to share few properties was tried")
    questions.settle()


def _held(search: Search, demand: _Demand, holders: list[Holder], filled: _Filled) -> Iterator[_Filled]:
    """Every way to give each holder a property."""
    if not holders:
        yield filled
        return
    holder, rest = holders[0], holders[1:]
    questions = Questions()
    for name, terms, fresh in questions.drain(_candidates(search, demand, holder, filled)):
        search.step()
        values = {**filled.values, name: filled.values.get(name, frozenset()) | terms}
        aimed = filled.aimed
        if holder.goal is not None and holder.goal.aimed:
            aimed = (name, holder.goal)
        elif holder.goal is not None:
            values[name] |= {holder.goal.term}
        several = filled.limited or (fresh and len(demand.holders) > 1)
        yield from questions.drain(_held(search, demand, rest, _Filled(values, aimed, several)))
    questions.settle()


def _candidates(search: Search, demand: _Demand, holder: Holder, filled: _Filled) -> Iterator[tuple[str, Terms, bool]]:
    """Names that a holder may take, the demands on their values, and whether the name is fresh."""
    known = [holder.name] if holder.name is not None else list(dict.fromkeys([*demand.known(), *filled.values]))
    for name in known:
        if name not in demand.absent and _fits(search, demand, holder, name):
            yield name, demand.terms(name), False
    if holder.name is None:
        names = frozenset(demand.names) | ({holder.name_term} if holder.name_term is not None else set())
        for name, matched in _fresh(search, demand, names, frozenset({*demand.known(), *filled.values}), holder):
            yield name, demand.terms(name, matched), True


def _fits(search: Search, demand: _Demand, holder: Holder, name: str) -> bool:
    if not all(search.holds(term, name) for term in demand.names):
        return False
    if holder.name_term is not None and not search.holds(holder.name_term, name):
        return False
    if holder.name is None and (
        name in holder.outside_names or any(re.search(pattern, name) for pattern in holder.outside_patterns)
    ):
        return False
    return holder.pattern is None or bool(re.search(holder.pattern, name))


def _fresh(
    search: Search, demand: _Demand, names: Terms, used: frozenset[str], holder: Holder | None
) -> Iterator[tuple[str, frozenset[str]]]:
    """One unused name for each set of patterns that a name can match; ``OpenQuestionError`` if one is not decided."""
    patterns = demand.patterns()
    if len(patterns) > _MAX_PATTERNS:
        raise OpenQuestionError(f"more than {_MAX_PATTERNS} patterns of property names meet")
    questions = Questions()
    for chosen in product((False, True), repeat=len(patterns)):
        matched = frozenset(pattern for pattern, take in zip(patterns, chosen, strict=True) if take)
        if holder is not None and (
            matched & holder.outside_patterns or (holder.pattern is not None and holder.pattern not in matched)
        ):
            continue
        yield from questions.drain(_one_name(search, names, matched, frozenset(patterns) - matched, used))
    questions.settle()


def _one_name(
    search: Search, names: Terms, matched: frozenset[str], failed: frozenset[str], used: frozenset[str]
) -> Iterator[tuple[str, frozenset[str]]]:
    # A name of at least one character reads better; the empty one is only taken where nothing else fits.
    for shortest, longest in ((1, None), (0, 0)):
        demand = StringDemand(shortest, longest, matched, failed, used)
        name = search.key(names, demand)
        if name is not None:
            yield name, matched
            return


def _built(search: Search, demand: _Demand, filled: _Filled) -> Iterator[Result]:
    result: dict[str, JsonValue] = {}
    for name, terms in filled.values.items():
        if filled.aimed is not None and name == filled.aimed[0]:
            continue
        found = search.model(terms)
        if found is None:
            return
        result[name] = found.value
    aimed = filled.aimed
    if aimed is None:
        added = _added(search, demand, filled)
        if added is not None:
            yield None, {**result, **added}
        return
    for blame, value in search.explore(filled.values[aimed[0]], aimed[1].term):
        added = _added(search, demand, filled)
        if added is None:
            return
        yield blame, {**result, aimed[0]: value, **added}


def _added(search: Search, demand: _Demand, filled: _Filled) -> dict[str, JsonValue] | None:
    """Further properties until there are enough; None is a proof that there cannot be enough."""
    missing = demand.fewest - len(filled.values)
    if missing <= 0:
        return {}
    if missing > _MAX_ADDED:
        raise OpenQuestionError(f"objects with more than {_MAX_ADDED} properties are not built")
    if demand.most is not None and demand.most < demand.fewest:
        return None
    added: dict[str, JsonValue] = {}
    free = Holder(None)
    for name in demand.known():
        if len(added) < missing and name not in demand.absent and name not in filled.values:
            found = search.model(demand.terms(name)) if _fits(search, demand, free, name) else None
            if found is not None:
                added[name] = found.value
    while len(added) < missing:
        used = frozenset({*demand.known(), *filled.values, *added})
        for name, matched in _fresh(search, demand, frozenset(demand.names), used, None):
            found = search.model(demand.terms(name, matched))
            if found is not None:
                added[name] = found.value
                break
        else:
            return None
    return added
