"""A JSON Schema as a flat list of fields, for display: `renditions[].width`, integer, > 0, required."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

Json = dict[str, Any]

# Enough for any payload; a recursive or exploding schema is cut here.
_MAX_DEPTH = 12
MAX_FIELDS = 2_000
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
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


@dataclass(frozen=True, slots=True)
class Field:
    """One field; `path` is dotted, `[]` stands for every item of a list, `{}` for every key of a map."""

    path: str
    type: str
    required: bool
    limits: tuple[str, ...] = ()
    default: str | None = None
    description: str = ""
    personal: bool = False

    def as_json(self) -> Json:
        """For `--json`."""
        return asdict(self) | {"limits": list(self.limits)}


def fields_of(schema: Json) -> dict[str, Field]:
    """Path -> field, parents before their children, at most `MAX_FIELDS`."""
    found: dict[str, Field] = {}
    for field in _properties(schema, schema, "", ()):
        if len(found) >= MAX_FIELDS:
            break
        found.setdefault(field.path, field)
    return found


def _properties(root: Json, schema: object, prefix: str, seen: tuple[str, ...]) -> Iterator[Field]:
    """Fields of an object, or of objects below lists, maps and alternatives."""
    if not isinstance(schema, Mapping) or len(seen) > _MAX_DEPTH:
        return
    target, seen = _resolved(root, schema, seen)
    if target is None:
        return
    required = target.get("required", ())
    properties = target.get("properties")
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        path = f"{prefix}.{name}" if prefix else str(name)
        yield _field(root, path, inner, isinstance(required, list) and name in required)
        yield from _properties(root, inner, path, (*seen, ""))
    yield from _properties(root, target.get("items"), f"{prefix}[]", (*seen, ""))
    yield from _properties(root, target.get("additionalProperties"), f"{prefix}{{}}", (*seen, ""))
    for part in _as_list(target.get("allOf")):
        yield from _properties(root, part, prefix, (*seen, ""))
    for keyword in ("anyOf", "oneOf"):
        options = [list(_properties(root, option, prefix, (*seen, ""))) for option in _as_list(target.get(keyword))]
        yield from _merged([{field.path: field for field in found} for found in options if found])


def _merged(options: list[dict[str, Field]]) -> Iterator[Field]:
    """Fields of alternatives as one list: a field that one of them may lack is optional, and its types add up."""
    for path in dict.fromkeys(path for option in options for path in option):
        known = [option[path] for option in options if path in option]
        yield replace(
            known[0],
            type=" or ".join(dict.fromkeys(field.type for field in known)),
            required=len(known) == len(options) and all(field.required for field in known),
            limits=tuple(dict.fromkeys(limit for field in known for limit in field.limits)),
            personal=any(field.personal for field in known),
        )


def _field(root: Json, path: str, schema: object, required: bool) -> Field:
    if not isinstance(schema, Mapping):
        return Field(path, "anything" if schema is not False else "nothing", required)
    # A description beside a `$ref` is about this use of it; otherwise the target's own applies.
    return Field(
        path,
        type_of(root, schema),
        required,
        tuple(_limits(root, schema)),
        json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else None,
        _words(root, schema),
        _is_personal(root, schema),
    )


def type_of(root: Json, schema: object, depth: int = 0) -> str:
    """The type in words: `integer`, `list of Rendition`, `date-time or null`, `"model" or "thumbnail"`."""
    if not isinstance(schema, Mapping):
        return "nothing" if schema is False else "anything"
    if depth > _MAX_DEPTH:
        return "…"
    name = _reference(schema)
    target = _lookup(root, name) if name else schema
    if target is None:
        return f"{name} (not found)"
    if "const" in target:
        return json.dumps(target["const"], ensure_ascii=False)
    if isinstance(target.get("enum"), list):
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in target["enum"])
    if name and "properties" in target:
        return str(target.get("title") or name.rsplit("/", 1)[-1])
    options = [option for keyword in ("anyOf", "oneOf") for option in _as_list(target.get(keyword))]
    if options:
        return " or ".join(dict.fromkeys(type_of(root, option, depth + 1) for option in options))
    kinds = [str(kind) for kind in _as_list(target.get("type"))]
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
    parts = [type_of(root, part, depth + 1) for part in _as_list(schema.get("allOf"))]
    return " and ".join(dict.fromkeys(parts)) if parts else "anything"


def _limits(root: Json, schema: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    name = _reference(schema)
    target = (_lookup(root, name) or {}) if name else schema
    for keyword, words in _BOUNDS.items():
        # Draft 4 has booleans here, which change the meaning of their neighbour; they are shown as they are written.
        if keyword in target and target[keyword] is not False:
            plain = keyword in ("minLength", "minItems", "minProperties") and target[keyword] == 1
            yield "not empty" if plain else words.format(target[keyword])
    for option in (*_as_list(target.get("anyOf")), *_as_list(target.get("oneOf"))):
        if isinstance(option, Mapping):
            yield from _limits(root, option, depth + 1)
    if isinstance(target.get("items"), Mapping):
        yield from (f"each {limit}" for limit in _limits(root, target["items"], depth + 1))


def _words(root: Json, schema: Mapping[str, Any]) -> str:
    if isinstance(schema.get("description"), str):
        return str(schema["description"])
    target = _lookup(root, name) if (name := _reference(schema)) else None
    # An object type's description is shown with its first use; an enumeration's explains its values.
    return str(target.get("description", "")) if target else ""


def _is_personal(root: Json, schema: Mapping[str, Any]) -> bool:
    if schema.get("x-personal") is True:
        return True
    options = [option for keyword in _ALTERNATIVES for option in _as_list(schema.get(keyword))] + [schema.get("items")]
    return any(isinstance(option, Mapping) and option.get("x-personal") is True for option in options)


def _resolved(
    root: Json, schema: Mapping[str, Any], seen: tuple[str, ...]
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """The target of a `$ref`; None where it is unknown or recursive."""
    name = _reference(schema)
    if name is None:
        return schema, seen
    return (None, seen) if name in seen else (_lookup(root, name), (*seen, name))


def _reference(schema: Mapping[str, Any]) -> str | None:
    name = schema.get("$ref")
    return name if isinstance(name, str) else None


def _lookup(root: Json, reference: str) -> Mapping[str, Any] | None:
    """The subschema of a local reference; others are not followed."""
    if not reference.startswith("#"):
        return None
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _as_list(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
