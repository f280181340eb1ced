"""Which places of a schema a concrete value violates, from the validator's errors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from compatibility.model import JsonValue, Rule
from compatibility.pointers import child, from_reference, resolve
from compatibility.questions import OpenQuestionError
from compatibility.rules import KEYWORD_RULES, closed_rule
from compatibility.schema import Schema
from compatibility.terms import Blame


def blames(schema: Schema, validator: Validator, pointer: str, value: JsonValue) -> list[Blame]:
    """The violated places of the subschema at ``pointer`` of the normalised schema, each once."""
    found = (blame for error in validator.iter_errors(value) for blame in _blames(schema, pointer, error))
    return list(dict.fromkeys(found))


def _place(schema: Schema, start: str, error: ValidationError) -> str:
    """The place that the path of an error means.

    The path does not say where it passes through a ``$ref``, and the keywords beside one may have the same names as
    those behind it. Which was meant is known by the subschema that the error carries, the very object of the document.
    """
    for pointer, value in _places(schema, start, resolve(schema.document, start), list(error.relative_schema_path)):
        holder = value if error.validator is None else schema.nodes.get(pointer.rpartition("/")[0])
        if holder is error.schema:
            return pointer
    raise OpenQuestionError(f"the validator's error {error.message!r:.200} has no place in the schema")


def _places(schema: Schema, pointer: str, value: JsonValue, steps: list[Any]) -> Iterator[tuple[str, JsonValue]]:
    """Every place that the steps lead to, with or without following the references on the way; and what is there."""
    if not steps:
        yield pointer, value
    elif isinstance(value, list) or (isinstance(value, dict) and steps[0] in value):
        yield from _places(schema, child(pointer, steps[0]), value[steps[0]], steps[1:])
    if pointer in schema.nodes and isinstance(value, dict) and "$ref" in value:
        target = from_reference(value["$ref"])
        yield from _places(schema, target, schema.nodes[target], steps)


def _blames(schema: Schema, start: str, error: ValidationError) -> Iterator[Blame]:
    pointer = _place(schema, start, error)
    keyword = str(error.validator)
    if keyword in ("anyOf", "oneOf") and error.context:
        possible = [list(group) for _, group in groupby(error.context, lambda found: found.relative_schema_path[0])]
        possible = [group for group in possible if not any(_hopeless(found) for found in group)]
        if len(possible) == 1:
            for found in possible[0]:
                yield from _blames(schema, pointer, found)
            return
    if keyword == "oneOf" and not error.context:
        yield Blame(Rule.ONE_OF_AMBIGUOUS, pointer)
    elif keyword == "required":
        for position, name in enumerate(_value(error)):
            if name not in _instance(error):
                yield Blame(Rule.REQUIRED_PROPERTY_ADDED, child(pointer, position))
    elif keyword == "dependentRequired":
        for name, needed in _value(error).items():
            for position, other in enumerate(needed):
                if name in _instance(error) and other not in _instance(error):
                    yield Blame(Rule.DEPENDENT_PROPERTY_REQUIRED, child(pointer, name, position))
    elif keyword == "contains" and error.schema_path[-1] != "contains":
        yield Blame(KEYWORD_RULES[str(error.schema_path[-1])], pointer)
    elif keyword == "propertyNames" or "propertyNames" in error.relative_schema_path:
        yield Blame(Rule.PROPERTY_NAMES_NARROWED, pointer)
    elif keyword in KEYWORD_RULES and schema.nodes.get(pointer) is not False:
        yield Blame(KEYWORD_RULES[keyword], pointer)
    else:
        yield Blame(closed_rule(pointer), pointer)


def _hopeless(error: ValidationError) -> bool:
    """The alternative is for other values altogether: their type or a constant of theirs differs."""
    return (error.validator == "type" and len(error.relative_path) == 0) or error.validator == "const"


def _value(error: ValidationError) -> JsonValue:
    return error.validator_value


def _instance(error: ValidationError) -> JsonValue:
    return error.instance
