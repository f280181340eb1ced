"""Where the subschemas of a schema are, and where they will be in the terms of 2020-12."""

from __future__ import annotations

from collections.abc import Iterator

from compatibility.dialects import Dialect
from compatibility.expressions import portable
from compatibility.model import JsonValue

_SINGLE = frozenset(
    {"additionalProperties", "propertyNames", "contains", "not", "if", "then", "else"}
    | {"additionalItems", "unevaluatedItems", "unevaluatedProperties"}
)
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SHELVES = frozenset({"$defs", "definitions"})
_MAPS = _SHELVES | {"properties", "patternProperties", "dependentSchemas"}

IN_PLACE = ("$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
"""Keywords whose subschemas look at the same value as the schema that holds them."""

Tokens = tuple[str | int, ...]


def subschemas(schema: JsonValue, dialect: Dialect) -> Iterator[tuple[Tokens, Tokens, JsonValue]]:
    """Each direct subschema: its place as written, its place in 2020-12 with patterns that Python reads, and itself."""
    if not isinstance(schema, dict):
        return
    hidden = dialect.reference_hides_siblings and "$ref" in schema
    for keyword, value in schema.items():
        # `$defs` is read in every draft: a reference may lead there although the old draft gives it no meaning.
        if keyword not in dialect.keywords and keyword not in _SHELVES:
            continue
        if hidden and keyword not in _SHELVES:
            continue
        if keyword == "items" and isinstance(value, list):
            for index, item in enumerate(value):
                yield ("items", index), ("prefixItems", index), item
        elif keyword == "items":
            yield ("items",), ("items",), value
        elif keyword == "additionalItems":
            new: Tokens = ("items",) if isinstance(schema.get("items"), list) else ("additionalItems",)
            yield (keyword,), new, value
        elif keyword == "dependencies":
            for name, item in value.items():
                if not isinstance(item, list):
                    yield (keyword, name), ("dependentSchemas", name), item
        elif keyword in _SINGLE:
            yield (keyword,), (keyword,), value
        elif keyword in _LISTS:
            for index, item in enumerate(value):
                yield (keyword, index), (keyword, index), item
        elif keyword == "patternProperties":
            spelled: set[str] = set()
            for name, item in value.items():
                new_name = portable(name)
                while new_name in spelled:  # two spellings of one pattern are two keys
                    new_name += "(?:)"
                spelled.add(new_name)
                yield (keyword, name), (keyword, new_name), item
        elif keyword in _MAPS:
            for name, item in value.items():
                yield (keyword, name), (keyword, name), item
