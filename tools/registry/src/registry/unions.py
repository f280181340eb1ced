"""Alternatives of a JSON Schema that have fields, and what to call them: by the value that tells them apart."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from registry.field_types import MAX_DEPTH, Json, as_list, lookup, reference, type_of

Schema = Mapping[str, Any]
IN_PLACE = ("anyOf", "oneOf")
_BELOW = ("items", "additionalProperties")
#: With these, a schema says something of its fields beside its own alternatives.
_OWN = frozenset({"properties", "required", "allOf", *_BELOW})


def alternatives(root: Json, options: object) -> list[tuple[str, Schema]]:
    """Name and schema of those of a keyword's alternatives that have fields; one alone has no name.

    A name is the value of the field that has another one in each (`idle` of `{"kind": "idle"}`), else the type's.
    """
    found = [option for option in _flat(root, options, set()) if _has_fields(root, option, set())]
    if len(found) < 2:
        return [("", option) for option in found]
    names = _told_apart(root, found) or [str(option.get("title") or type_of(root, option)) for option in found]
    numbered = (name if names.count(name) == 1 else f"{name} {place}" for place, name in enumerate(names, start=1))
    return list(zip(numbered, found, strict=True))


def resolved(root: Json, schema: Schema) -> Schema:
    """The schema, or what its reference leads to; empty where that is unknown."""
    for _ in range(MAX_DEPTH):
        name = reference(schema)
        if name is None:
            return schema
        schema = lookup(root, name) or {}
    return {}


def _flat(root: Json, options: object, seen: set[int]) -> Iterator[Schema]:
    """Alternatives of alternatives are alternatives: pydantic writes an optional union as a union or null."""
    for option in as_list(options):
        target = resolved(root, option) if isinstance(option, Mapping) else {}
        if not target or id(target) in seen:
            continue
        seen.add(id(target))
        inner = [part for keyword in IN_PLACE for part in as_list(target.get(keyword))]
        if inner and not target.keys() & _OWN:
            yield from _flat(root, inner, seen)
        else:
            yield option


def _has_fields(root: Json, schema: object, seen: set[int]) -> bool:
    target = resolved(root, schema) if isinstance(schema, Mapping) else {}
    if not target or id(target) in seen:
        return False
    seen.add(id(target))
    if target.get("properties") or target.get("required"):
        return True
    parts = [part for keyword in ("allOf", *IN_PLACE) for part in as_list(target.get(keyword))]
    return any(_has_fields(root, part, seen) for part in (*parts, *(target.get(keyword) for keyword in _BELOW)))


def _told_apart(root: Json, found: list[Schema]) -> list[str] | None:
    """The values of a field that all of them require, each with a constant of its own."""
    constants = [_constants(root, option) for option in found]
    for name in constants[0]:
        values = [known[name] for known in constants if name in known]
        if len(set(values)) == len(found):
            return values
    return None


def _constants(root: Json, schema: Schema) -> dict[str, str]:
    """Name -> value of the required fields that can have but one."""
    target = resolved(root, schema)
    properties = target.get("properties")
    found: dict[str, str] = {}
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        field = resolved(root, inner) if isinstance(inner, Mapping) else {}
        values = [field["const"]] if "const" in field else as_list(field.get("enum"))
        if name in as_list(target.get("required")) and len(values) == 1:
            found[str(name)] = values[0] if isinstance(values[0], str) else json.dumps(values[0])
    return found
