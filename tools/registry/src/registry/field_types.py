"""Parts of a JSON Schema in words: `list of Rendition`, `at most 5 items`; and what a local reference leads to."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

# Enough for any payload; a recursive schema is cut here.
MAX_DEPTH = 12
_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "multipleOf": "multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "uniqueItems": "no item twice",
    "minProperties": "at least {} keys",
    "maxProperties": "at most {} keys",
}


def type_of(root: Json, schema: object, depth: int = 0) -> str:
    """The type in words: `integer`, `list of Rendition`, `date-time or null`, `"model" or "thumbnail"`."""
    if not isinstance(schema, Mapping):
        return "nothing" if schema is False else "anything"
    if depth > MAX_DEPTH:
        return "…"
    name = reference(schema)
    target = lookup(root, name) if name else schema
    if target is None:
        return f"{name} (not found)"
    if "const" in target:
        return json.dumps(target["const"], ensure_ascii=False)
    if isinstance(target.get("enum"), list):
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in target["enum"])
    if name and "properties" in target:
        return str(target.get("title") or name.rsplit("/", 1)[-1])
    options = [option for keyword in ("anyOf", "oneOf") for option in as_list(target.get(keyword))]
    if options:
        return " or ".join(dict.fromkeys(type_of(root, option, depth + 1) for option in options))
    kinds = [str(kind) for kind in as_list(target.get("type"))]
    return " or ".join(_kind(root, target, kind, depth) for kind in kinds) if kinds else _untyped(root, target, depth)


def _kind(root: Json, schema: Mapping[str, Any], kind: str, depth: int) -> str:
    if kind == "array":
        return f"list of {type_of(root, schema['items'], depth + 1)}" if "items" in schema else "list"
    if kind == "object" and "properties" not in schema and isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {type_of(root, schema['additionalProperties'], depth + 1)}"
    if kind == "string" and isinstance(schema.get("format"), str):
        return str(schema["format"])
    return kind


def _untyped(root: Json, schema: Mapping[str, Any], depth: int) -> str:
    parts = [type_of(root, part, depth + 1) for part in as_list(schema.get("allOf"))]
    if parts:
        return " and ".join(dict.fromkeys(parts))
    return "object" if "properties" in schema or "required" in schema else "anything"


def limits_of(root: Json, schema: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Bounds in words, also those of alternatives and of a list's items."""
    if depth > MAX_DEPTH:
        return
    name = reference(schema)
    target = (lookup(root, name) or {}) if name else schema
    for keyword, words in _BOUNDS.items():
        # Draft 4 has booleans here, which change the meaning of their neighbour; they are shown as they are written.
        if keyword in target and target[keyword] is not False:
            plain = keyword in ("minLength", "minItems", "minProperties") and target[keyword] == 1
            yield "not empty" if plain else words.format(target[keyword])
    for option in (*as_list(target.get("anyOf")), *as_list(target.get("oneOf"))):
        if isinstance(option, Mapping):
            yield from limits_of(root, option, depth + 1)
    if isinstance(target.get("items"), Mapping):
        yield from (f"each {limit}" for limit in limits_of(root, target["items"], depth + 1))


def description_of(root: Json, schema: Mapping[str, Any]) -> str:
    """The description of this use of a type; otherwise the type's own."""
    if isinstance(schema.get("description"), str):
        return str(schema["description"])
    target = lookup(root, name) if (name := reference(schema)) else None
    # An object type's description is shown with its first use; an enumeration's explains its values.
    return str(target.get("description", "")) if target else ""


def reference(schema: Mapping[str, Any]) -> str | None:
    """The pointer of a `$ref`."""
    name = schema.get("$ref")
    return name if isinstance(name, str) else None


def lookup(root: Json, pointer: str) -> Mapping[str, Any] | None:
    """The subschema of a local reference; others are not followed."""
    if not pointer.startswith("#"):
        return None
    found: Any = root
    for step in pointer.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def as_list(value: object) -> list[Any]:
    """A list as it is, one value as a list of one, None as an empty one."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
