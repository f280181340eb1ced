"""The smallest and the largest payload that a producer's schema allows, built from golden examples.

A field's value comes from an example where one has it, so that what no schema can express (an object key names an
object, a vector has its dimensions) stays true; only what no example shows is generated from the schema.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator

Schema = Mapping[str, Any]
#: Any JSON value; no type of ours describes what a schema does.
Json = Any
_NOTHING: Any = object()
_MOMENT = "2026-11-22T09:30:00Z"
_FORMATS = {
    "date-time": _MOMENT,
    "date": "2026-11-22",
    "time": "09:30:00Z",
    "uuid": "0c5a8e8e-4a0e-4a4e-9c1b-2f6f6a0d9c01",
    "uri": "https://example.com/",
    "email": "somebody@example.com",
}


class VariantError(ValueError):
    """No such payload can be built; the message says what a golden example has to show."""


def minimal(schema: Schema, examples: Sequence[Json]) -> Json:
    """Required fields alone, at every depth; arrays as short as they may be, null where it is allowed.

    Raises:
        VariantError: a required field is in no example and cannot be generated.
    """
    return _variant(schema, examples, required_only=True)


def maximal(schema: Schema, examples: Sequence[Json]) -> Json:
    """Every field, at every depth; no array is empty and nothing is null that may be otherwise. Raises as `minimal`."""
    return _variant(schema, examples, required_only=False)


def _variant(schema: Schema, examples: Sequence[Json], *, required_only: bool) -> Json:
    seed = _NOTHING
    for example in examples:
        seed = _merged(seed, example)
    value = _Maker(schema, required_only=required_only).make(schema, seed, "")
    faults = [f"{fault.json_path}: {fault.message}" for fault in Draft202012Validator(schema).iter_errors(value)]
    if faults:
        raise VariantError(f"the generated payload breaks its own schema: {'; '.join(faults)}")
    return value


def _merged(first: Json, second: Json) -> Json:
    """The first, with what only the second has."""
    if first is _NOTHING or first is None or first == []:
        return second
    if isinstance(first, dict) and isinstance(second, dict):
        return {**second, **{name: _merged(value, second.get(name, _NOTHING)) for name, value in first.items()}}
    if isinstance(first, list) and isinstance(second, list):
        return [_merged(item, second[0]) if second else item for item in first]
    return first


class _Maker:
    """Generates a value for a schema; `seed` is the examples' value there."""

    def __init__(self, root: Schema, *, required_only: bool) -> None:
        self._root = root
        self._required_only = required_only

    def make(self, schema: Schema, seed: Json, path: str) -> Json:
        schema = self._resolved(schema)
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return self.make(self._chosen(schema[choice], seed), seed, path)
        if "const" in schema:
            return schema["const"]
        kind = schema.get("type")
        if isinstance(kind, list):
            return self.make({**schema, "type": self._kind(kind)}, seed, path)
        if kind == "object" or "properties" in schema:
            return self._object(schema, seed, path)
        if kind == "array":
            return self._array(schema, seed, path)
        if kind == "null":
            return None
        if seed is not _NOTHING and seed is not None:
            return seed
        if "enum" in schema:
            return schema["enum"][0]
        if kind not in _GENERATED:
            raise VariantError(f"{path or '/'}: no golden example has it, and a {kind} cannot be generated")
        return _GENERATED[kind](schema, path)

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            target: Any = self._root
            for step in schema["$ref"].removeprefix("#").strip("/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        return schema

    def _chosen(self, branches: Sequence[Schema], seed: Json) -> Schema:
        """The branch to take: null for the smallest, else the one that the example took."""
        resolved = [self._resolved(branch) for branch in branches]
        nulls = [branch for branch in resolved if branch.get("type") == "null"]
        if self._required_only and nulls:
            return nulls[0]
        others = [branch for branch in resolved if branch.get("type") != "null"]
        for branch in others:
            if seed is not _NOTHING and Draft202012Validator({**self._root, **branch}).is_valid(seed):
                return branch
        return others[0] if others else resolved[0]

    def _kind(self, kinds: Sequence[str]) -> str:
        if self._required_only and "null" in kinds:
            return "null"
        return next(kind for kind in kinds if kind != "null")

    def _object(self, schema: Schema, seed: Json, path: str) -> dict[str, Json]:
        known = seed if isinstance(seed, dict) else {}
        properties: Mapping[str, Schema] = schema.get("properties", {})
        wanted = schema.get("required", ()) if self._required_only else properties
        filled = {name: self.make(properties[name], known.get(name, _NOTHING), f"{path}/{name}") for name in wanted}
        if not self._required_only and schema.get("additionalProperties") is not False:
            filled |= {name: value for name, value in known.items() if name not in properties}
        return filled

    def _array(self, schema: Schema, seed: Json, path: str) -> list[Json]:
        known = seed if isinstance(seed, list) else []
        least = schema.get("minItems", 0)
        length = least if self._required_only else max(least, len(known), 1)
        seeds = [known[place] if place < len(known) else _NOTHING for place in range(length)]
        if length > 1 and schema.get("uniqueItems") and len(known) < length:
            raise VariantError(f"{path}: a golden example must show {length} different items")
        return [self.make(schema.get("items", {}), item, f"{path}/{place}") for place, item in enumerate(seeds)]


def _text(schema: Schema, path: str) -> str:
    if schema.get("format") in _FORMATS:
        return str(_FORMATS[schema["format"]])
    if "pattern" in schema:
        raise VariantError(f"{path}: a golden example must show a text of the pattern {schema['pattern']}")
    return "x" * max(int(schema.get("minLength", 0)), 1)


def _whole(schema: Schema, path: str) -> int:
    step = schema.get("multipleOf", 1)
    least = schema.get("minimum", schema.get("exclusiveMinimum", -step) + step)
    return int(min(max(least, 0), schema.get("maximum", max(least, 0))))


def _number(schema: Schema, path: str) -> float:
    return float(_whole(schema, path))


_GENERATED: Mapping[Any, Callable[[Schema, str], Any]] = {
    "string": _text,
    "integer": _whole,
    "number": _number,
    "boolean": lambda schema, path: True,
    None: lambda schema, path: {},
}
