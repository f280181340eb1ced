"""Translates a schema of any supported draft to 2020-12, with plain pointers for references."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

from compatibility.dialects import Dialect
from compatibility.errors import Unusable, UnusableSchemaError
from compatibility.expressions import portable
from compatibility.formats import FORMATS
from compatibility.identity import frozen
from compatibility.model import JsonValue
from compatibility.pointers import as_reference, child, from_reference, tokens
from compatibility.references import REFERENCES, Index, index
from compatibility.schema import Schema
from compatibility.walking import IN_PLACE, Tokens, subschemas

_NAMES = frozenset({"$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$defs", "definitions"})
_COUNTS = frozenset(
    f"{bound}{counted}" for bound in ("min", "max") for counted in ("Length", "Items", "Properties", "Contains")
)
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})


def normalise(name: str, source: JsonValue, dialect: Dialect) -> Schema:
    """Build the ``Schema`` of a document that satisfies its meta-schema.

    Unusable: references that lead nowhere, out of the document or in a circle; names given twice.
    """
    index_ = index(source, dialect)
    obstacles: list[str] = []
    document = _normal("", source, index_, obstacles)
    nodes = {place.normal: _at(document, place.normal) for place in index_.places.values()}
    origins = {place.normal: pointer for pointer, place in index_.places.items() if place.normal != pointer}
    for pointer, place in index_.places.items():
        if isinstance(place.schema, dict) and isinstance(place.schema.get("items"), list) and dialect.draft < 2020:
            origins[child(place.normal, "items")] = child(pointer, "additionalItems")
            origins[child(place.normal, "prefixItems")] = child(pointer, "items")
        if isinstance(place.schema, dict) and "dependencies" in place.schema and dialect.draft <= 7:
            origins[child(place.normal, "dependentRequired")] = child(pointer, "dependencies")
    _refuse_circles(nodes)
    used = {keyword for node in nodes.values() if isinstance(node, dict) for keyword in node}
    if dialect.draft == 2019 and {"contains", "unevaluatedItems"} <= used:
        obstacles.append("whether contains evaluates items is not the same to all validators of 2019-09")
    return Schema(
        name,
        source,
        dialect.validator_class,
        document,
        nodes,
        origins,
        tuple(obstacles),
        frozen(_bare(source, dialect)) if obstacles else None,
        tuple(_remarks(index_)),
        None if _refers_by_pattern(index_) else _runnable(source, dialect),
    )


def _refers_by_pattern(index_: Index) -> bool:
    """Whether a reference passes a pattern, whose spelling may change."""
    return any(
        "/patternProperties/" in str(place.schema.get(keyword))
        for place in index_.places.values()
        if isinstance(place.schema, dict)
        for keyword in REFERENCES
    )


def _runnable(schema: JsonValue, dialect: Dialect) -> JsonValue:
    """The schema as written, with patterns spelled for Python."""
    if not isinstance(schema, dict):
        return schema
    result = {key: copy(value) for key, value in schema.items()}
    if isinstance(schema.get("pattern"), str):
        result["pattern"] = portable(schema["pattern"])
    if "patternProperties" in dialect.keywords & schema.keys():
        result["patternProperties"] = {}
    for (keyword, *way), (*_, new_name), part in subschemas(schema, dialect):
        if keyword == "patternProperties":
            way = [new_name]
        (*above, last) = (keyword, *way)
        holder: JsonValue = result
        for token in above:
            holder = holder[token]
        holder[last] = _runnable(part, dialect)
    return result


def _remarks(index_: Index) -> Iterator[str]:
    if isinstance(root := index_.places[""].schema, dict) and "$schema" not in root:
        yield "$schema is missing"
    for pointer, place in sorted(index_.places.items()):
        if isinstance(place.schema, dict):
            for keyword, value in place.schema.items():
                if not index_.dialect.knows(keyword):
                    yield f"{child(pointer, keyword)} is an unknown keyword"
                elif keyword == "format" and value not in FORMATS:
                    yield f"{child(pointer, keyword)} is the unknown format {value!r}"


def _bare(schema: JsonValue, dialect: Dialect) -> JsonValue:
    """The schema as written, without annotations."""
    if not isinstance(schema, dict):
        return schema
    result = {key: copy(value) for key, value in schema.items() if key in dialect.keywords or key in _NAMES}
    for (*way, last), _, part in subschemas(schema, dialect):
        holder: JsonValue = result
        for token in way:
            holder = holder[token]
        holder[last] = _bare(part, dialect)
    return result


def _at(document: JsonValue, pointer: str) -> JsonValue:
    for token in tokens(pointer):
        document = document[int(token)] if isinstance(document, list) else document[token]
    return document


def _normal(pointer: str, schema: JsonValue, index_: Index, obstacles: list[str]) -> JsonValue:
    if not isinstance(schema, dict):
        return schema
    dialect = index_.dialect
    parts = list(subschemas(schema, dialect))
    if dialect.reference_hides_siblings and "$ref" in schema:
        result: dict[str, JsonValue] = {}
    else:
        result = _assertions(schema, {str(old[0]) for old, _, _ in parts}, dialect)
    for old, new, part in parts:
        _put(result, new, _normal(child(pointer, *old), part, index_, obstacles))
    for keyword in REFERENCES:
        if keyword in schema and keyword in dialect.keywords:
            target = as_reference(index_.places[_target(pointer, keyword, index_, obstacles)].normal)
            if result.setdefault("$ref", target) != target:
                result.setdefault("allOf", []).append({"$ref": target})
    return result


def _assertions(schema: dict[str, JsonValue], owned: set[str], dialect: Dialect) -> dict[str, JsonValue]:
    """The keywords that hold no subschema, with the forms of old drafts replaced."""
    plain = {
        key: value
        for key, value in schema.items()
        if key in dialect.keywords and key not in owned and key not in REFERENCES and key != "dependencies"
    }
    if "pattern" in plain:
        plain["pattern"] = portable(plain["pattern"])
    for keyword in _COUNTS & plain.keys():
        plain[keyword] = int(plain[keyword])
    if plain.get("format") not in FORMATS:
        plain.pop("format", None)
    dependencies = schema.get("dependencies", {}) if "dependencies" in dialect.keywords else {}
    required = {name: value for name, value in dependencies.items() if isinstance(value, list)}
    if required:
        plain["dependentRequired"] = required
    if dialect.draft == 4:
        for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if plain.pop(exclusive, False) and bound in plain:
                plain[exclusive] = plain.pop(bound)
    return plain


def _put(result: dict[str, JsonValue], place: Tokens, part: JsonValue) -> None:
    keyword = str(place[0])
    if len(place) == 1:
        result[keyword] = part
    elif keyword in _LISTS:
        result.setdefault(keyword, []).append(part)
    else:
        result.setdefault(keyword, {})[place[1]] = part


def _target(pointer: str, keyword: str, index_: Index, obstacles: list[str]) -> str:
    target, *others = index_.targets(pointer, keyword)
    if others:
        obstacles.append(f"{child(pointer, keyword)} has several targets in the dynamic scope")
    return target


def _refuse_circles(nodes: dict[str, JsonValue]) -> None:
    """A schema that applies itself to the same value, through references and combinators alone, describes nothing."""
    done: set[str] = set()
    for start in nodes:
        path: list[tuple[str, list[str]]] = [(start, [])] if start not in done else []
        on_path = {start}
        if path:
            path[0] = (start, _same_value(start, nodes))
        while path:
            here, following = path[-1]
            if not following:
                path.pop()
                on_path.discard(here)
                done.add(here)
                continue
            succeeding = following.pop()
            if succeeding in on_path:
                raise UnusableSchemaError(
                    Unusable.CIRCULAR_REFERENCE, f"{here or '/'} applies {succeeding or '/'} again to the same value"
                )
            if succeeding not in done:
                on_path.add(succeeding)
                path.append((succeeding, _same_value(succeeding, nodes)))


def _same_value(pointer: str, nodes: dict[str, JsonValue]) -> list[str]:
    schema = nodes[pointer]
    result: list[str] = []
    if isinstance(schema, dict):
        for keyword in IN_PLACE:
            part = schema.get(keyword)
            if keyword == "$ref" and part is not None:
                result.append(from_reference(part))
            elif isinstance(part, list):
                result += [child(pointer, keyword, number) for number in range(len(part))]
            elif keyword == "dependentSchemas" and part:
                result += [child(pointer, keyword, name) for name in part]
            elif part is not None:
                result.append(child(pointer, keyword))
    return [found for found in result if found in nodes]
