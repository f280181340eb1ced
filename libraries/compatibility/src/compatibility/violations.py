"""Which places of a schema a concrete value violates, from the validator's errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from compatibility.model import JsonValue, Rule
from compatibility.pointers import child, from_reference
from compatibility.rules import KEYWORD_RULES, closed_rule
from compatibility.schema import Schema
from compatibility.terms import Blame


def blames(schema: Schema, validator: Validator, pointer: str, value: JsonValue) -> list[Blame]:
    """The violated places of the subschema at ``pointer`` of the normalised schema, each once."""
    found = (blame for error in validator.iter_errors(value) for blame in _blames(schema, pointer, error))
    return list(dict.fromkeys(found))


def _place(schema: Schema, pointer: str, path: Iterable[str | int]) -> str:
    """Follow the path of an error, which passes through references, to the place that it means."""
    steps = list(path)
    for number, step in enumerate(steps):
        node = schema.nodes.get(pointer)
        if isinstance(node, dict) and step == "$ref" and "$ref" in node:
            pointer = from_reference(node["$ref"])
        elif isinstance(node, dict) and step == "if" and steps[number + 1 : number + 2] in (["then"], ["else"]):
            continue
        else:
            pointer = child(pointer, step)
    return pointer


def _blames(schema: Schema, start: str, error: ValidationError) -> Iterator[Blame]:
    pointer = _place(schema, start, error.relative_schema_path)
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
