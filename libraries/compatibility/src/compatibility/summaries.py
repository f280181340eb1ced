"""What can be read off a subschema at once: enough to see that two of them share no value.

Unions whose branches name their kind are taken apart by this: a required property with a constant, or another type.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import reduce

from compatibility.expanding import types_of
from compatibility.identity import frozen
from compatibility.model import JsonValue
from compatibility.pointers import child, from_reference
from compatibility.terms import Kind, Nodes, Side, kind_of

_MAX_DEPTH = 3
_EVERY_KIND = frozenset(Kind)

Listed = frozenset[tuple[Kind, Hashable]]


@dataclass(frozen=True)
class Summary:
    """The kinds of value that a subschema may accept, the only ones if they are listed, and what objects must have."""

    kinds: frozenset[Kind] = _EVERY_KIND
    listed: Listed | None = None
    required: frozenset[str] = frozenset()
    properties: dict[str, Summary] = field(default_factory=dict)

    def __and__(self, other: Summary) -> Summary:
        both = self.properties.keys() & other.properties.keys()
        return Summary(
            self.kinds & other.kinds,
            _shared(self.listed, other.listed),
            self.required | other.required,
            {**self.properties, **other.properties}
            | {name: self.properties[name] & other.properties[name] for name in both},
        )

    def apart_from(self, other: Summary, kind: Kind | None = None) -> bool:
        """True if no value (of a kind) is accepted by both; False says nothing."""
        kinds = self.kinds & other.kinds & ({kind} if kind is not None else _EVERY_KIND)
        listed = _shared(self.listed, other.listed)
        if listed is not None:
            kinds &= {found for found, _ in listed}
        if kinds != {Kind.OBJECT}:
            return not kinds
        return any(
            self.properties[name].apart_from(other.properties[name])
            for name in self.properties.keys() & other.properties.keys()
            if name in self.required or name in other.required
        )


def _shared(one: Listed | None, other: Listed | None) -> Listed | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def summary(nodes: Nodes, side: Side, pointer: str, depth: int = 0) -> Summary:
    """The summary of a subschema and of what it applies to the same value in any case."""
    schema = nodes.node(side, pointer)
    if isinstance(schema, bool):
        return Summary() if schema else Summary(frozenset())
    if depth > _MAX_DEPTH:
        return Summary()
    types = types_of(schema)
    kinds = _EVERY_KIND if types is None else frozenset(Kind("number" if name == "integer" else name) for name in types)
    parts = [Summary(kinds)]
    if "enum" in schema:
        parts.append(_only(schema["enum"]))
    if "const" in schema:
        parts.append(_only([schema["const"]]))
    properties = {
        name: summary(nodes, side, child(pointer, "properties", name), depth + 1)
        for name in schema.get("properties", ())
    }
    parts.append(Summary(required=frozenset(schema.get("required", ())), properties=properties))
    if "$ref" in schema:
        parts.append(summary(nodes, side, from_reference(schema["$ref"]), depth))
    parts += [
        summary(nodes, side, child(pointer, "allOf", number), depth) for number in range(len(schema.get("allOf", ())))
    ]
    return reduce(Summary.__and__, parts)


def _only(values: list[JsonValue]) -> Summary:
    return Summary(listed=frozenset((kind_of(value), frozen(value)) for value in values))
