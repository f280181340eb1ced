"""Which subschemas of two schemas say the same, whatever the order of keys and however references spell it.

Two subschemas are the same unless something tells them apart: at first all are one class, then those are parted whose
keywords differ, then those whose parts are in different classes, until no class is parted any more. What is left
together accepts the same values, also where schemas are recursive.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from compatibility.dialects import DEFAULT
from compatibility.model import JsonValue
from compatibility.numbers import exact
from compatibility.pointers import child, from_reference
from compatibility.terms import Side
from compatibility.walking import subschemas

_SHELVES = frozenset({"$defs", "definitions"})
_SETS = frozenset({"type", "enum", "required", "allOf", "anyOf"})
"""Keywords of lists in which neither order nor repetition means anything."""
_BAGS = frozenset({"oneOf"})
"""Keywords of lists in which the order means nothing."""

Place = tuple[Side, str]


def frozen(value: JsonValue) -> Hashable:
    """A JSON value such that equal ones, in the sense of JSON Schema, are equal: 1 is 1.0 and not true."""
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, int | float):
        return exact(value)
    if isinstance(value, list):
        return "array", tuple(frozen(item) for item in value)
    if isinstance(value, dict):
        return frozenset((name, frozen(item)) for name, item in value.items())
    return str(value) if value is not None else None


def representatives(documents: Mapping[Side, Mapping[str, JsonValue]]) -> dict[Place, Place]:
    """For each subschema one that says the same, for all that do so; ``documents`` are subschemas by pointer."""
    standing = {
        (side, pointer): (side, standing_for(nodes, pointer)) for side, nodes in documents.items() for pointer in nodes
    }
    frames = {place: _Frame(*place, documents[place[0]]) for place in dict.fromkeys(standing.values())}
    classes = dict.fromkeys(frames, 0)
    count = 0
    while True:
        numbers: dict[Hashable, int] = {}
        classes = {
            place: numbers.setdefault((classes[place], frame.seen(classes)), len(numbers))
            for place, frame in frames.items()
        }
        if len(numbers) == count:
            break
        count = len(numbers)
    first: dict[int, Place] = {}
    for place, number in classes.items():
        first.setdefault(number, place)
    return {place: first[classes[target]] for place, target in standing.items()}


def standing_for(nodes: Mapping[str, JsonValue], pointer: str) -> str:
    """The subschema that one stands for which only refers to it."""
    while isinstance(schema := nodes[pointer], dict) and schema.keys() - _SHELVES == {"$ref"}:
        pointer = from_reference(schema["$ref"])
    return pointer


class _Frame:
    """A subschema with its parts taken out."""

    def __init__(self, side: Side, pointer: str, nodes: Mapping[str, JsonValue]) -> None:
        schema = nodes[pointer]
        self.plain: Hashable = schema if isinstance(schema, bool) else None
        self.parts: dict[str, list[tuple[str | int, Place]]] = {}
        if not isinstance(schema, dict):
            return

        def place(target: str) -> Place:
            return side, standing_for(nodes, target)

        for _, (keyword, *name), _ in subschemas(schema, DEFAULT):
            if keyword not in _SHELVES:
                part = place(child(pointer, keyword, *name))
                self.parts.setdefault(str(keyword), []).append((name[0] if name else "", part))
        if "$ref" in schema:
            self.parts["$ref"] = [("", place(from_reference(schema["$ref"])))]
        self.plain = frozenset(
            _keyword(name, value) for name, value in schema.items() if name not in _SHELVES and name not in self.parts
        )

    def seen(self, known: Mapping[Place, int]) -> Hashable:
        """The subschema, its parts replaced by their classes."""
        return self.plain, frozenset(
            (keyword, _gathered(keyword, parts, known)) for keyword, parts in self.parts.items()
        )


def _gathered(keyword: str, parts: Iterable[tuple[str | int, Place]], known: Mapping[Place, int]) -> Hashable:
    if keyword in _SETS:
        return frozenset(known[place] for _, place in parts)
    if keyword in _BAGS:
        return tuple(sorted(known[place] for _, place in parts))
    return frozenset((name, known[place]) for name, place in parts)


def _keyword(name: str, value: JsonValue) -> Hashable:
    if name == "const":
        name, value = "enum", [value]
    if name == "type" and isinstance(value, str):
        value = [value]
    if name in _SETS:
        return name, frozenset(frozen(item) for item in value)
    if name == "dependentRequired":
        return name, frozenset((key, frozenset(needed)) for key, needed in value.items())
    return name, frozen(value)
