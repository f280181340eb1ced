"""The validators of jsonschema, with no claim about multiples on which decimal arithmetic and doubles disagree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from compatibility.model import JsonValue
from compatibility.numbers import exact
from compatibility.questions import OpenQuestionError

ValidatorClass = type[Any]
"""A validator class of jsonschema; ``Any`` because its ``create`` builds them at run time."""


def _multiple_of(_: object, step: float, number: JsonValue, __: object) -> Iterator[ValidationError]:
    if isinstance(number, bool) or not isinstance(number, int | float):
        return
    exactly = (exact(number) / exact(step)).denominator == 1
    if Draft202012Validator({"multipleOf": step}).is_valid(number) is not exactly:
        raise OpenQuestionError(f"it depends on the validator whether {number} is a multiple of {step}")
    if not exactly:
        yield ValidationError(f"{number} is not a multiple of {step}")


def careful(validator_class: ValidatorClass) -> ValidatorClass:
    """The validator class of a dialect, raising ``OpenQuestionError`` where it would depend on the arithmetic."""
    extended: ValidatorClass = extend(  # type: ignore[no-untyped-call]
        validator_class, {"multipleOf": _multiple_of}
    )
    return extended


VALIDATOR = careful(Draft202012Validator)
"""For normalised schemas."""
