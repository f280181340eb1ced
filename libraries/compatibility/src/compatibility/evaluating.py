"""Which properties and items a schema evaluates, case by case, for ``unevaluatedProperties`` and ``unevaluatedItems``.

A case settles for every subschema on the same value whether it holds, because only those that hold evaluate anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from compatibility.model import JsonValue
from compatibility.pointers import child, from_reference
from compatibility.questions import OpenQuestionError
from compatibility.terms import Goal, Item, Key, Nodes, Term

_MAX_CASES = 256


@dataclass(frozen=True)
class Evaluated:
    """What subschemas that hold have evaluated.

    Properties by name and pattern, so many items from the first on, and items that match the schema at a pointer.
    """

    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    every_property: bool = False
    items: int = 0
    matching: frozenset[str] = frozenset()
    every_item: bool = False

    def __or__(self, other: Evaluated) -> Evaluated:
        return Evaluated(
            self.names | other.names,
            self.patterns | other.patterns,
            self.every_property or other.every_property,
            max(self.items, other.items),
            self.matching | other.matching,
            self.every_item or other.every_item,
        )


Case = tuple[tuple[Item, ...], Evaluated]
_NOTHING: Case = ((), Evaluated())
_Own = Callable[[JsonValue, str, bool], Evaluated]


def property_cases(nodes: Nodes, term: Term) -> list[Case]:
    """The cases of the schema of ``term`` apart from its own unevaluatedProperties."""
    return _cases(nodes, Term(term.side, term.pointer, positive=True), _own_properties, top=True)


def item_cases(nodes: Nodes, term: Term) -> list[Case]:
    """The cases of the schema of ``term`` apart from its own unevaluatedItems."""
    return _cases(nodes, Term(term.side, term.pointer, positive=True), _own_items, top=True)


def _own_properties(schema: JsonValue, _: str, top: bool) -> Evaluated:
    every = "additionalProperties" in schema or ("unevaluatedProperties" in schema and not top)
    return Evaluated(
        frozenset(schema.get("properties", ())), frozenset(schema.get("patternProperties", ())), every_property=every
    )


def _own_items(schema: JsonValue, pointer: str, top: bool) -> Evaluated:
    every = "items" in schema or ("unevaluatedItems" in schema and not top)
    matching = frozenset({child(pointer, "contains")} if "contains" in schema else ())
    return Evaluated(items=len(schema.get("prefixItems", ())), matching=matching, every_item=every)


def _cases(nodes: Nodes, term: Term, own: _Own, *, top: bool = False) -> list[Case]:
    schema = nodes.node(term.side, term.pointer)
    if isinstance(schema, bool):
        return [_NOTHING]
    cases: list[Case] = [((), own(schema, term.pointer, top))]
    for choices in _choices(nodes, schema, term, own):
        cases = [((*items, *more), one | other) for items, one in cases for more, other in choices]
        if len(cases) > _MAX_CASES:
            raise OpenQuestionError("too many combinations of subschemas decide what is evaluated")
    return cases


def _choices(nodes: Nodes, schema: JsonValue, term: Term, own: _Own) -> Iterator[list[Case]]:
    def holds(*place: str | int) -> list[Case]:
        part = Term(term.side, child(term.pointer, *place), positive=True)
        return [((Goal(part), *items), found) for items, found in _cases(nodes, part, own)]

    def fails(*place: str | int) -> Case:
        return (Goal(Term(term.side, child(term.pointer, *place), positive=False)),), Evaluated()

    if "$ref" in schema:
        yield _cases(nodes, Term(term.side, from_reference(schema["$ref"]), positive=True), own)
    for number in range(len(schema.get("allOf", ()))):
        yield _cases(nodes, Term(term.side, child(term.pointer, "allOf", number), positive=True), own)
    for keyword in ("anyOf", "oneOf"):
        for number in range(len(schema.get(keyword, ()))):
            yield [*holds(keyword, number), fails(keyword, number)]
    if "if" in schema:
        met = holds("if")
        if "then" in schema:
            met = [((*a, *c), b | d) for a, b in met for c, d in holds("then")]
        missed = [fails("if")]
        if "else" in schema:
            missed = [((*a, *c), b | d) for a, b in missed for c, d in holds("else")]
        yield [*met, *missed]
    for name in schema.get("dependentSchemas", {}):
        present = [((Key(name, present=True), *items), found) for items, found in holds("dependentSchemas", name)]
        yield [*present, ((Key(name, present=False),), Evaluated())]
