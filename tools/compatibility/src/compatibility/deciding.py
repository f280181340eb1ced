"""Thin form."""

from __future__ import annotations

from compatibility.model import Coverage, Direction, Finding, JsonValue, Rule
from compatibility.schema import Schema


def _documents(schema: Schema) -> list[JsonValue]:
    base = {k: "x" for k in schema.nodes[""].get("required", [])}
    values: list[JsonValue] = [None, True, 0, 1.5, "", [], {}, base]
    for key in schema.nodes[""].get("properties", {}):
        values += [{**base, key: value} for value in (None, True, 0, "x", [], {})]
    return values


def decide(writer: Schema, reader: Schema, direction: Direction, against: str) -> Coverage:
    """Thin."""
    names = ("old", "new") if direction is Direction.BACKWARD else ("new", "old")
    for witness in _documents(writer):
        if writer.accepts(witness) and not reader.accepts(witness):
            error = next(iter(reader.validator.iter_errors(witness)))
            rule = Rule.REQUIRED_PROPERTY_ADDED if error.validator == "required" else Rule.TYPE_NARROWED
            path = "/" + "/".join(map(str, error.absolute_schema_path))
            return Coverage(findings=(Finding(rule=rule, path=path, direction=direction, message=error.message,
                witness=witness, accepted_by=names[0], rejected_by=names[1], against=against),))
    return Coverage()
