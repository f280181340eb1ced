"""What the search is made of: signed subschemas, the demands they come down to, and choices between demands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from compatibility.model import JsonValue, Rule


class Kind(StrEnum):
    """The types of JSON values; integers are numbers."""

    NULL = "null"
    BOOLEAN = "boolean"
    NUMBER = "number"
    STRING = "string"
    ARRAY = "array"
    OBJECT = "object"


class Side(StrEnum):
    """Whose subschema a term names; ``BUILT`` ones are built during the search."""

    WRITER = "writer"
    READER = "reader"
    BUILT = "built"


class Nodes(Protocol):
    """Where subschemas come from."""

    def node(self, side: Side, pointer: str) -> JsonValue:
        """The subschema at a pointer."""
        ...

    def define(self, schema: JsonValue, side: Side = Side.BUILT) -> str:
        """The pointer of a subschema that is in neither document; its references lead into that of its side."""
        ...


class Term(NamedTuple):
    """The demand that a value satisfies (or, if not positive, violates) the subschema at a pointer."""

    side: Side
    pointer: str
    positive: bool

    def negated(self) -> Term:
        """The opposite demand."""
        return Term(self.side, self.pointer, not self.positive)


class Blame(NamedTuple):
    """The place in the reader whose violation is being looked for."""

    rule: Rule
    pointer: str


@dataclass(frozen=True)
class Goal:
    """A term to meet. ``aimed``: it is the violation that findings are about, so its parts are distinguished."""

    term: Term
    aimed: bool = False


@dataclass(frozen=True)
class Limit:
    """A demand on a scalar or a size by keyword, such as minimum, pattern or minItems."""

    keyword: str
    value: JsonValue
    positive: bool = True


@dataclass(frozen=True)
class Values:
    """The value is one of these (or none of these)."""

    values: tuple[JsonValue, ...]
    positive: bool


@dataclass(frozen=True)
class Key:
    """An object has (or lacks) a property."""

    name: str
    present: bool


@dataclass(frozen=True)
class ObjectShape:
    """What a schema demands of the values of properties: by name, by pattern, and of all others."""

    side: Side
    named: Mapping[str, str]
    patterned: Mapping[str, str]
    others: str | None
    covered_names: frozenset[str]
    covered_patterns: frozenset[str]


@dataclass(frozen=True)
class Names:
    """Every property name satisfies a term."""

    term: Term


@dataclass(frozen=True)
class Holder:
    """Some property exists: a given one, or one that matches ``pattern`` and is outside the names and patterns."""

    goal: Goal | None
    name: str | None = None
    pattern: str | None = None
    outside_names: frozenset[str] = frozenset()
    outside_patterns: frozenset[str] = frozenset()
    name_term: Term | None = None


@dataclass(frozen=True)
class ArrayShape:
    """What a schema demands of items: by position, and of all from ``len(prefix)`` on."""

    side: Side
    prefix: tuple[str | None, ...]
    rest: str | None

    def terms(self, index: int) -> Iterator[Term]:
        """The demands on the item at an index."""
        pointer = self.prefix[index] if index < len(self.prefix) else self.rest
        if pointer is not None:
            yield Term(self.side, pointer, positive=True)


@dataclass(frozen=True)
class ItemHolder:
    """Some item exists at ``start`` or, unless ``exact``, behind it, and also meets the terms ``besides``."""

    goal: Goal
    start: int
    exact: bool
    besides: frozenset[Term] = frozenset()


@dataclass(frozen=True)
class Count:
    """So many items satisfy a term; ``high`` None: as many as there are."""

    term: Term
    low: int
    high: int | None


@dataclass(frozen=True)
class Option:
    """One way to meet a choice; ``blame`` is set where taking it settles which place of the reader is violated."""

    items: tuple[Item, ...]
    blame: Blame | None = None


@dataclass(frozen=True)
class Split:
    """A choice; none of the options means that it cannot be met."""

    options: tuple[Option, ...]
    aimed: bool = False


Leaf = Limit | Values | Key | ObjectShape | Names | Holder | ArrayShape | ItemHolder | Count
Item = Goal | Leaf | Split


def kind_of(value: JsonValue) -> Kind:
    """The type of a parsed JSON value."""
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int | float):
        return Kind.NUMBER
    if isinstance(value, str):
        return Kind.STRING
    return Kind.ARRAY if isinstance(value, list) else Kind.OBJECT
