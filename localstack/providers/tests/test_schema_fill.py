"""Whatever the schema, the filled value satisfies it."""

from typing import Any

import jsonschema
import pytest

from provider_emulator.errors import BadRequestError
from provider_emulator.instant import canned_description
from provider_emulator.schema_fill import fill
from provider_emulator.schema_rules import check_for_anthropic, check_for_openai

KNOWN = {"category": "receipt", "headline": "A receipt", "confidence": 0.7, "tags": ["a", "b", "b"], "part": {"x": 3}}

SCHEMAS: dict[str, dict[str, Any]] = {
    "enum takes the nearest": {"properties": {"category": {"enum": ["Receipts", "Other"]}}, "required": ["category"]},
    "enum without a match": {"properties": {"category": {"enum": ["x", "y"]}}, "required": ["category"]},
    "a share as a level": {
        "properties": {"confidence": {"enum": ["low", "medium", "high"]}},
        "required": ["confidence"],
    },
    "const": {"properties": {"kind": {"const": "v1"}}, "required": ["kind"]},
    "unknown required of every type": {
        "properties": {
            "s": {"type": "string", "minLength": 3, "maxLength": 5},
            "i": {"type": "integer", "minimum": 5, "maximum": 7},
            "n": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "b": {"type": "boolean"},
            "z": {"type": "null"},
            "a": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 2, "uniqueItems": True},
            "o": {"type": "object", "properties": {"y": {"type": "string"}}, "required": ["y"]},
        },
        "required": ["s", "i", "n", "b", "z", "a", "o"],
    },
    "cut to the longest": {"properties": {"headline": {"type": "string", "maxLength": 4}}, "required": ["headline"]},
    "most items": {
        "properties": {"tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "uniqueItems": True}},
        "required": ["tags"],
    },
    "null or text": {"properties": {"q": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "required": ["q"]},
    "types as a list": {"properties": {"headline": {"type": ["null", "string"]}}, "required": ["headline"]},
    "references": {
        "properties": {"part": {"$ref": "#/$defs/P"}},
        "required": ["part"],
        "$defs": {"P": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}},
    },
    "all of": {
        "allOf": [
            {"properties": {"headline": {"type": "string"}}, "required": ["headline"]},
            {"properties": {"kind": {"const": 1}}, "required": ["kind"]},
        ]
    },
    "recursive": {
        "properties": {"child": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "headline": {"type": "string"}},
        "required": ["child", "headline"],
    },
    "format": {"properties": {"when": {"type": "string", "format": "date-time"}}, "required": ["when"]},
    "default": {"properties": {"size": {"type": "integer", "default": 9}}, "required": ["size"]},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_filled_value_satisfies_the_schema(name: str) -> None:
    schema = {"type": "object", **SCHEMAS[name]}
    jsonschema.Draft202012Validator(schema).validate(fill(schema, KNOWN))


def test_known_values_are_used() -> None:
    schema = {"type": "object", **SCHEMAS["enum takes the nearest"]}
    assert fill(schema, KNOWN) == {"category": "Receipts"}
    assert fill({"type": "object", **SCHEMAS["a share as a level"]}, KNOWN) == {"confidence": "high"}
    assert fill({"type": "object", **SCHEMAS["references"]}, KNOWN) == {"part": {"x": 3}}


def test_a_picture_fills_the_schema_of_our_analysis(analysis_schema: dict[str, Any]) -> None:
    made = fill(analysis_schema, canned_description(b"picture"))
    jsonschema.Draft202012Validator(analysis_schema).validate(made)
    assert made == canned_description(b"picture")


def test_a_reference_to_nowhere_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError, match="points nowhere"):
        fill({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}, {})


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "object", "properties": {}}, "additionalProperties"),
        ({"type": "string", "maxLength": 3}, "maxLength"),
        ({"type": "integer", "minimum": 0}, "minimum"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, "minItems"),
        ({"anyOf": [{"type": "string", "minLength": 1}]}, "anyOf.0"),
    ],
)
def test_schemas_that_anthropic_refuses(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRequestError, match=reason):
        check_for_anthropic(schema)


def test_schemas_that_openai_refuses(analysis_schema: dict[str, Any]) -> None:
    check_for_openai("analysis", analysis_schema)
    with pytest.raises(BadRequestError, match="additionalProperties"):
        check_for_openai("x", {"type": "object", "properties": {}})
    with pytest.raises(BadRequestError, match="Missing 'a'"):
        check_for_openai("x", {"type": "object", "properties": {"a": {}}, "additionalProperties": False})


def test_a_schema_cannot_ask_for_more_than_there_is_memory() -> None:
    itself_twice = {"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefghij"}}
    for schema in (
        {"type": "array", "items": {"type": "boolean"}, "minItems": 10**9},
        {"type": "array", "items": {"type": "string", "minLength": 100_000}, "minItems": 10},
        {"type": "string", "minLength": 10**10},
        itself_twice,
    ):
        with pytest.raises(BadRequestError, match="too large a value"):
            fill(schema, {})
    assert len(fill({"type": "array", "items": {"type": "string", "minLength": 1000}, "minItems": 100}, {})) == 100
