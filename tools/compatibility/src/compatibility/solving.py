"""Looks for a value that meets signed subschemas, or proves that there is none.

A branch starts from goals, takes them apart, and chooses where there is a choice, until only demands of one kind of
value remain; these go to the solver of that kind, which asks back here about items and properties.

Recursive schemas: a smallest value never contains a part with the very demands that it meets itself (the part would
do in its place), so demands that are already being looked into, further up, are not looked into again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from compatibility.arrays import arrays
from compatibility.blaming import blames
from compatibility.expanding import demands, equal_to, violations
from compatibility.model import JsonValue
from compatibility.numbers import find_number
from compatibility.objects import objects
from compatibility.questions import ExhaustedError, OpenQuestionError
from compatibility.schema import Schema
from compatibility.search import Found, Questions, Result
from compatibility.strings import StringDemand, find_string
from compatibility.terms import (
    Blame,
    Goal,
    Item,
    Kind,
    Leaf,
    Limit,
    Option,
    Side,
    Split,
    Term,
    Values,
    kind_of,
)
from compatibility.walking import subschemas
from compatibility.dialects import DEFAULT

_PLAIN_FIRST = (Kind.STRING, Kind.NUMBER, Kind.BOOLEAN, Kind.NULL, Kind.ARRAY, Kind.OBJECT)
_MAX_DEPTH = 60

Terms = frozenset[Term]


@dataclass(frozen=True)
class Budget:
    """How much work one comparison may take."""

    steps: int = 150_000
    seconds: float = 10.0


@dataclass
class _Branch:
    """One way through the choices so far."""

    kind: Kind
    todo: list[Item]
    chosen: Terms
    seen: set[Term] = field(default_factory=set)
    leaves: list[Leaf] = field(default_factory=list)
    later: list[Split] = field(default_factory=list)
    denied: list[Term] = field(default_factory=list)
    aimed: Term | None = None
    blame: Blame | None = None

    def taking(self, option: Option) -> _Branch:
        """A copy that has made a choice."""
        terms = {item.term for item in option.items if isinstance(item, Goal) and not item.aimed}
        return replace(
            self,
            todo=[*option.items],
            chosen=self.chosen | terms,
            seen=set(self.seen),
            leaves=[*self.leaves],
            later=[*self.later],
            denied=[*self.denied],
            blame=option.blame or self.blame,
        )


class Solver:
    """One comparison of a writer and a reader; keeps what it learned, counts what it spent."""

    def __init__(self, writer: Schema, reader: Schema, budget: Budget) -> None:
        self._schemas = {Side.WRITER: writer, Side.READER: reader}
        self._made: dict[str, JsonValue] = {}
        self._validators: dict[tuple[Side, str], Validator] = {}
        self._known: dict[tuple[Terms, Kind | None, StringDemand | None], Found | None] = {}
        self._above: dict[tuple[Terms, Term | None], int] = {}
        self._lowest = 0
        self._steps = budget.steps
        self._deadline = time.monotonic() + budget.seconds
        self.blamed: set[Blame] = set()

    def node(self, side: Side, pointer: str) -> JsonValue:
        """The subschema at a pointer."""
        return self._made[pointer] if side is Side.MADE else self._schemas[side].nodes[pointer]

    def made(self, schema: JsonValue) -> str:
        """The pointer of a subschema that stands in neither document."""
        root = "made:" + json.dumps(schema, sort_keys=True)
        pending = [(root, schema)]
        while root not in self._made and pending:
            pointer, part = pending.pop()
            for _, place, inner in subschemas(part, DEFAULT):
                pending.append((pointer + "".join(f"/{token}" for token in place), inner))
            self._made[pointer] = part
        return root
