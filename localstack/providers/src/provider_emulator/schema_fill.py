"""Builds a value that satisfies a JSON Schema from what is known, by field name; the rest gets plain fillers.

Understands type (also lists of types), properties, required, items, enum, const, $ref into the document, anyOf, oneOf,
allOf, default, and the bounds of strings, arrays and numbers. `pattern` is not invented: a known value that does not
match is used as it is. Raises BadRequestError for a $ref that points nowhere, and for a schema whose least value is
huge: `minItems` of a million, or objects that hold themselves twice.
"""

import re
from typing import Any

from provider_emulator.errors import BadRequestError
from provider_emulator.prompt import JsonObject

_MISSING = object()
_DEEPEST = 12
_MOST = 200_000  # schemas followed, values and required characters, together
_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "nobody@example.org",
    "hostname": "example.org",
    "uri": "https://example.org/",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_LEVELS = (("high", 0.66), ("medium", 0.33), ("low", 0.0))


def fill(schema: JsonObject, known: JsonObject) -> Any:  # noqa: ANN401 # any JSON value
    """A value of the schema; `known` maps field names (at any depth, nested or flat) to what is known."""
    return _Filler(schema, known).value(schema, known, 0)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


class _Filler:
    def __init__(self, root: JsonObject, known: JsonObject) -> None:
        self._root = root
        self._flat: dict[str, Any] = {}
        self._left = _MOST
        self._flatten(known)

    def _flatten(self, known: JsonObject) -> None:
        for name, value in known.items():
            self._flat.setdefault(_key(name), value)
            if isinstance(value, dict):
                self._flatten(value)

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise BadRequestError("the schema asks for too large a value")

    def value(self, schema: JsonObject | bool, known: Any, depth: int) -> Any:  # noqa: ANN401 # any JSON value
        self._spend(1)
        if isinstance(schema, bool):
            return None if known is _MISSING else known
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return _of_enum(schema["enum"], known)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self.value(self._branch(schema[word], known, depth), known, depth + 1)
        kind = _type_of(schema, known)
        if known is _MISSING and "default" in schema:
            return schema["default"]
        match kind:
            case "object":
                return self._object(schema, known, depth)
            case "array":
                return self._array(schema, known, depth)
            case "string":
                self._spend(schema.get("minLength", 0))
                return _string(schema, known)
            case "integer" | "number":
                return _number(schema, known, kind)
            case "boolean":
                return known if isinstance(known, bool) else known is not _MISSING and bool(known)
            case _:
                return None

    def _resolved(self, schema: JsonObject) -> JsonObject:
        self._spend(1)
        seen = 0
        while "$ref" in schema:
            rest = {word: value for word, value in schema.items() if word != "$ref"}
            schema, seen = {**self._pointed(schema["$ref"]), **rest}, seen + 1
            if seen > _DEEPEST:
                raise BadRequestError("the schema's $ref goes in circles")
        for part in schema.get("allOf", ()):
            inner = self._resolved(part)
            merged = {**inner, **{word: value for word, value in schema.items() if word != "allOf"}}
            merged["properties"] = {**inner.get("properties", {}), **schema.get("properties", {})}
            merged["required"] = [*inner.get("required", []), *schema.get("required", [])]
            schema = {word: value for word, value in merged.items() if value not in ({}, [])}
        return schema

    def _pointed(self, reference: str) -> JsonObject:
        node: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or name not in node:
                raise BadRequestError(f"the schema's $ref {reference} points nowhere")
            node = node[name]
        if not isinstance(node, dict):
            raise BadRequestError(f"the schema's $ref {reference} is not a schema")
        return node

    def _branch(self, branches: list[JsonObject], known: Any, depth: int) -> JsonObject:  # noqa: ANN401 # any JSON value
        """The first branch of the known value's type; null for what is not known, if null is allowed."""
        resolved = [self._resolved(branch) for branch in branches]
        if known is _MISSING or known is None or depth > _DEEPEST:
            for branch in resolved:
                if branch.get("type") == "null":
                    return branch
        for branch in resolved:
            if known is not _MISSING and _fits(branch, known):
                return branch
        return next((branch for branch in resolved if branch.get("type") != "null"), resolved[0])

    def _object(self, schema: JsonObject, known: Any, depth: int) -> JsonObject:  # noqa: ANN401 # any JSON value
        given = {_key(name): value for name, value in known.items()} if isinstance(known, dict) else {}
        required = set(schema.get("required", ()))
        filled: JsonObject = {}
        for name, inner in schema.get("properties", {}).items():
            # Below the top a flat name would reach into foreign objects: a `category` of a part is not the picture's.
            value = given.get(_key(name), self._flat.get(_key(name), _MISSING) if depth == 0 else _MISSING)
            if value is _MISSING and isinstance(inner, dict) and _is_object(self._resolved(inner)) and depth < _DEEPEST:
                value = {}
            if value is _MISSING and name not in required:
                continue
            if depth > _DEEPEST and name not in required:
                continue
            filled[name] = self.value(inner, value, depth + 1)
        return filled

    def _array(self, schema: JsonObject, known: Any, depth: int) -> list[Any]:  # noqa: ANN401 # any JSON value
        items = schema.get("items", {})
        given = list(known) if isinstance(known, list | tuple) else [] if known in (_MISSING, None, "") else [known]
        filled = [self.value(items, each, depth + 1) for each in given]
        if schema.get("uniqueItems"):
            filled = [each for index, each in enumerate(filled) if each not in filled[:index]]
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        while len(filled) < least:
            filled.append(
                self.value(
                    items, f"detail {len(filled) + 1}" if _type_of(items, "") == "string" else _MISSING, depth + 1
                )
            )
        return filled if most is None else filled[:most]


def _is_object(schema: JsonObject) -> bool:
    return schema.get("type") == "object" or "properties" in schema


def _type_of(schema: JsonObject | bool, known: Any) -> str:  # noqa: ANN401 # any JSON value
    if isinstance(schema, bool):
        return _json_type(known)
    declared = schema.get("type")
    if isinstance(declared, list):
        if known is _MISSING or known is None:
            return "null" if "null" in declared else str(declared[0])
        actual = _json_type(known)
        return actual if actual in declared else next((str(each) for each in declared if each != "null"), "null")
    if isinstance(declared, str):
        return declared
    return "object" if "properties" in schema else "array" if "items" in schema else _json_type(known)


def _json_type(value: Any) -> str:  # noqa: ANN401 # any JSON value
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case dict():
            return "object"
        case list() | tuple():
            return "array"
        case _:
            return "string"


def _fits(schema: JsonObject, value: Any) -> bool:  # noqa: ANN401 # any JSON value
    if "const" in schema:
        return bool(schema["const"] == value)
    if "enum" in schema:
        return value in schema["enum"]
    kind, actual = _type_of(schema, value), _json_type(value)
    return kind == actual or (kind, actual) == ("number", "integer")


def _of_enum(allowed: list[Any], known: Any) -> Any:  # noqa: ANN401 # any JSON value
    """The known value if allowed, else the nearest: same letters, a level for a share, `other`, null, the first."""
    if known in allowed:
        return known
    by_key = {_key(each): each for each in allowed if isinstance(each, str)}
    if isinstance(known, str):
        for candidate in (_key(known), _key(known) + "s", _key(known).removesuffix("s")):
            if candidate in by_key:
                return by_key[candidate]
    if isinstance(known, int | float) and not isinstance(known, bool):
        for level, least in _LEVELS:
            if level in by_key and known >= least:
                return by_key[level]
    for fallback in ("other", "unknown", "none", "photo"):
        if fallback in by_key:
            return by_key[fallback]
    return None if None in allowed else allowed[0]


def _string(schema: JsonObject, known: Any) -> str:  # noqa: ANN401 # any JSON value
    if isinstance(known, str):
        text = known
    elif known is _MISSING or known is None or isinstance(known, dict | list):
        text = _FORMATS.get(schema.get("format", ""), "")
    else:
        text = str(known)
    text = text.ljust(schema.get("minLength", 0), ".") if text or schema.get("minLength") else text
    longest = schema.get("maxLength")
    return text if longest is None else text[:longest]


def _number(schema: JsonObject, known: Any, kind: str) -> int | float:  # noqa: ANN401 # any JSON value
    number = known if isinstance(known, int | float) and not isinstance(known, bool) else 0
    step = 1 if kind == "integer" else 1e-6
    if "minimum" in schema:
        number = max(number, schema["minimum"])
    if "exclusiveMinimum" in schema and number <= schema["exclusiveMinimum"]:
        number = schema["exclusiveMinimum"] + step
    if "maximum" in schema:
        number = min(number, schema["maximum"])
    if "exclusiveMaximum" in schema and number >= schema["exclusiveMaximum"]:
        number = schema["exclusiveMaximum"] - step
    return round(number) if kind == "integer" else number
