"""Finds a string that meets demands on its length and patterns, or proves that there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from compatibility.automata import Machine, literal_machine, machine
from compatibility.characters import classes, indexes
from compatibility.formats import FORMATS
from compatibility.questions import OpenQuestionError
from compatibility.trees import OpaqueExpressionError

_MAX_STATES = 30_000
_MAX_LENGTH = 50_000


@dataclass(frozen=True)
class StringDemand:
    """Length in code points between ``shortest`` and ``longest``; patterns to match and to fail; words not to be.

    Also formats to have and not to have.
    """

    shortest: int = 0
    longest: int | None = None
    matching: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    other_formats: frozenset[str] = frozenset()


def find_string(demand: StringDemand) -> str | None:
    """A shortest such string, readable where possible; None is a proof. ``OpenQuestionError``: not decided."""
    names = demand.formats | demand.other_formats
    if not names:
        return _find(demand)
    within = demand.formats.union(*(FORMATS[name].within for name in demand.formats))
    if within & demand.other_formats:
        return None
    written = {FORMATS[name].written for name in demand.formats}
    if _find(_with_patterns(demand, written, {FORMATS[name].surely for name in demand.other_formats})) is None:
        return None
    surely = {FORMATS[name].surely for name in demand.formats}
    found = _find(_with_patterns(demand, surely, {FORMATS[name].perhaps for name in demand.other_formats}))
    if found is None:
        raise OpenQuestionError(f"it depends on the validator what is a {' or a '.join(sorted(names))}")
    return found


def _with_patterns(demand: StringDemand, matching: set[str], failing: set[str]) -> StringDemand:
    """The demand with patterns in place of formats."""
    return StringDemand(
        demand.shortest, demand.longest, demand.matching | matching, demand.failing | failing, demand.excluded
    )


def _find(demand: StringDemand) -> str | None:
    if demand.longest is not None and demand.shortest > demand.longest:
        return None
    if demand.matching & demand.failing:
        return None
    if demand.shortest > _MAX_LENGTH:
        raise OpenQuestionError(f"strings longer than {_MAX_LENGTH} are not built")
    if not (demand.matching or demand.failing or demand.excluded):
        return "a" * demand.shortest
    try:
        wanted = [machine(pattern) for pattern in sorted(demand.matching)]
        unwanted = [machine(pattern) for pattern in sorted(demand.failing)]
    except OpaqueExpressionError as error:
        raise OpenQuestionError(f"a pattern is not modelled: {error}") from error
    found = _search(demand, wanted, unwanted)
    if found in demand.excluded:
        found = _search(demand, wanted, [*unwanted, literal_machine(demand.excluded)])
    return found


def meets(demand: StringDemand, text: str) -> bool:
    """Whether a given string meets the demand."""
    long_enough = len(text) >= demand.shortest and (demand.longest is None or len(text) <= demand.longest)
    return (
        long_enough
        and text not in demand.excluded
        and all(re.search(pattern, text) for pattern in demand.matching)
        and not any(re.search(pattern, text) for pattern in demand.failing)
    )


class _Table:
    """The moves of one machine by class of character."""

    def __init__(self, automaton: Machine, letters: list[str]) -> None:
        self.final = automaton.final
        sets = {ranges: indexes(ranges, letters) for moves in automaton.moves for ranges, _ in moves}
        self.moves: list[list[set[int]]] = [[set() for _ in letters] for _ in automaton.moves]
        for here, moves in zip(self.moves, automaton.moves, strict=True):
            for ranges, target in moves:
                for letter in sets[ranges]:
                    here[letter].add(target)
        self.known: dict[tuple[frozenset[int], int], frozenset[int]] = {}

    def step(self, states: frozenset[int], letter: int) -> frozenset[int]:
        result = self.known.get((states, letter))
        if result is None:
            result = frozenset().union(*(self.moves[state][letter] for state in states))
            self.known[states, letter] = result
        return result


def _search(demand: StringDemand, wanted: list[Machine], unwanted: list[Machine]) -> str | None:
    machines = [*wanted, *unwanted]
    letters = classes(ranges for automaton in machines for moves in automaton.moves for ranges, _ in moves)
    tables = [_Table(automaton, letters) for automaton in machines]
    count = len(wanted)
    start = tuple(automaton.start for automaton in machines)
    layer: dict[tuple[frozenset[int], ...], str] = {start: ""}
    seen: set[tuple[frozenset[int], ...]] = set()
    tried = 0
    length = 0
    while layer:
        if length >= demand.shortest:
            for states, text in layer.items():
                ends = [bool(here & table.final) for here, table in zip(states, tables, strict=True)]
                if all(ends[:count]) and not any(ends[count:]):
                    return text
            layer = {states: text for states, text in layer.items() if states not in seen}
            seen |= layer.keys()
        if length == demand.longest:
            return None
        following: dict[tuple[frozenset[int], ...], str] = {}
        for states, text in layer.items():
            for letter, character in enumerate(letters):
                tried += 1
                after = tuple(table.step(here, letter) for here, table in zip(states, tables, strict=True))
                if all(after[:count]):
                    following.setdefault(after, text + character)
            if tried > _MAX_STATES * 20 or len(seen) > _MAX_STATES:
                raise OpenQuestionError("the patterns need too many states")
        layer = following
        length += 1
    return None
