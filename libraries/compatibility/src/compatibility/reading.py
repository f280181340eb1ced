"""Reads a schema and refuses, with a stable code, whatever could not be checked in bounded time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isinf
from pathlib import Path
from typing import NoReturn

from jsonschema import FormatChecker
from jsonschema.exceptions import SchemaError

from compatibility.automata import UnsafeExpressionError, refuse_unsafe
from compatibility.dialects import Dialect, dialect_of
from compatibility.errors import Unusable, UnusableSchemaError
from compatibility.model import JsonValue
from compatibility.normalising import normalise
from compatibility.pointers import resolve
from compatibility.schema import Schema

MAX_BYTES = 512 * 1024
"""Largest schema text; one of our contracts has about 5 KB."""
MAX_DEPTH = 96
"""Deepest nesting of objects and arrays in a schema text."""


def read_schema(
    source: str | Path | Mapping[str, JsonValue] | bool, *, name: str | None = None, strict: bool = False
) -> Schema:
    """Read a schema from JSON text, a file or a parsed document.

    ``name`` is what findings call it (default: the file's path, else its id). ``strict`` refuses what means nothing:
    unknown keywords and formats, and a missing ``$schema``. Raises ``UnusableSchemaError``.
    """
    if isinstance(source, Path):
        document, default = _parse(_load(source)), str(source)
    elif isinstance(source, str):
        document, default = _parse(source), ""
    else:
        document, default = _parse(_dumped(source)), ""
    if not isinstance(document, dict | bool):
        raise UnusableSchemaError(Unusable.NOT_A_SCHEMA, "a schema is an object, true or false")
    dialect = dialect_of(document)
    _check_form(document, dialect)
    identifier = document.get(dialect.id_keyword) if isinstance(document, dict) else None
    schema = normalise(name or default or identifier or "schema", document, dialect)
    _check_patterns(schema)
    if strict and schema.remarks:
        raise UnusableSchemaError(Unusable.NOT_STRICT, "; ".join(schema.remarks))
    return schema


def _load(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnusableSchemaError(Unusable.TOO_LARGE, f"{path} has more than {MAX_BYTES} bytes")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableSchemaError(Unusable.NOT_FOUND, f"{path}: {error}") from error


def _dumped(document: JsonValue) -> str:
    try:
        return json.dumps(document, allow_nan=False)
    except RecursionError as error:
        raise UnusableSchemaError(Unusable.TOO_DEEP, "the document contains itself or is nested too deep") from error
    except (TypeError, ValueError) as error:
        raise UnusableSchemaError(Unusable.NOT_JSON, str(error)) from error


def _parse(text: str) -> JsonValue:
    if len(text) > MAX_BYTES:
        raise UnusableSchemaError(Unusable.TOO_LARGE, f"the schema has more than {MAX_BYTES} characters")
    _check_depth(text)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except ValueError as error:
        raise UnusableSchemaError(Unusable.NOT_JSON, str(error)) from error


def _check_depth(text: str) -> None:
    depth, quoted, escaped = 0, False, False
    for character in text:
        if quoted:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                quoted = False
        elif character == '"':
            quoted = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise UnusableSchemaError(Unusable.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")
        elif character in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise UnusableSchemaError(Unusable.DUPLICATE_KEY, f"the key {double!r} occurs twice in one object")
    return result


def _no_constant(constant: str) -> NoReturn:
    raise UnusableSchemaError(Unusable.NOT_JSON, f"{constant} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise UnusableSchemaError(Unusable.NOT_JSON, f"{digits:.40} is beyond the numbers that are read")
    return number


def _check_form(document: JsonValue, dialect: Dialect) -> None:
    if dialect.draft == 4 and isinstance(document, bool):
        raise UnusableSchemaError(Unusable.NOT_A_SCHEMA, "draft 4 has no boolean schemas")
    try:
        # Patterns are checked below, with a code of their own; other formats in meta-schemas are annotations.
        dialect.validator_class.check_schema(document, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        place = "/" + "/".join(str(token) for token in error.absolute_path)
        raise UnusableSchemaError(Unusable.NOT_A_SCHEMA, f"{place}: {error.message[:200]}") from error


def _check_patterns(schema: Schema) -> None:
    for pointer, node in schema.nodes.items():
        if not isinstance(node, dict):
            continue
        written = resolve(schema.source, schema.origin(pointer))
        patterns = [written["pattern"]] if "pattern" in node else []
        for pattern in [*patterns, *(written["patternProperties"] if "patternProperties" in node else ())]:
            try:
                refuse_unsafe(pattern)
            except UnsafeExpressionError as error:
                code = Unusable.PATTERN_CATASTROPHIC if error.catastrophic else Unusable.PATTERN_INVALID
                raise UnusableSchemaError(code, f"{schema.origin(pointer) or '/'}: {error}") from error
