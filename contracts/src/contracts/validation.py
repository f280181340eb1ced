"""Validation of payloads as JSON Schema means it: strict types, RFC 3339 times, no coercion; 1.0 is an integer.

pydantic's strict JSON mode is the fast way to the verdict of the published schemas; the tests compare both.
"""

import re
from collections.abc import Mapping, Sequence
from operator import is_
from typing import Any, Literal, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from contracts.contract import Contract
from contracts.errors import InvalidEventError, Violation
from contracts.text import TEXT_RULE

T = TypeVar("T", bound=Contract)

# pydantic's own sentence would quote the input, and so would its error as the cause of ours: hence `from None` below.
_MESSAGES = {"union_tag_invalid": "Input should be one of the known kinds"}

_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_UNSTORABLE = Violation(TEXT_RULE, "/data", "a text has U+0000 or a lone surrogate")


def validate(contract: type[T], data: object) -> T:
    """Read a payload under its contract, as a consumer: unknown fields are ignored.

    Raises:
        InvalidEventError: the payload does not satisfy it, or has text that no store can hold.
    """
    try:
        text = to_json(data)
    except (PydanticSerializationError, UnicodeEncodeError, RecursionError) as error:
        # Lone surrogates, or nesting beyond any payload of ours.
        broken = Violation("json", "/data", "data cannot be written as JSON")
        raise InvalidEventError(contract.event_type, (broken,)) from error
    if _has_nul(text):
        # Nobody of ours writes it: refused here, it does not fail in a store again and again.
        raise InvalidEventError(contract.event_type, (_UNSTORABLE,))
    try:
        return _read(contract, text)
    except ValidationError as error:
        raise _invalid(contract, error, data) from None


def written(data: Contract) -> bytes:
    """The payload as JSON that may be published.

    Raises:
        InvalidEventError: it does not satisfy the closed contract, or has text that no store can hold.
    """
    try:
        # Warnings would quote a forged value; the validation that follows names its path.
        text = data.__pydantic_serializer__.to_json(data, exclude_none=True, warnings=False)
    except PydanticSerializationError:
        raise InvalidEventError(data.event_type, (_UNSTORABLE,)) from None
    if _has_nul(text):
        raise InvalidEventError(data.event_type, (_UNSTORABLE,))
    validate_written(type(data), text)
    return text


def validate_written(contract: type[T], text: bytes) -> T:
    """Check JSON that is about to be published: unknown fields are forbidden.

    Raises:
        InvalidEventError: the payload does not satisfy the closed contract.
    """
    try:
        return _read(contract, text, extra="forbid")
    except ValidationError as error:
        raise _invalid(contract, error, None) from None


def _has_nul(text: bytes) -> bool:
    # The expression looks at every byte in turn, a hundred times as long as the search for bytes that are rarely there.
    return b"\\u0000" in text and _ESCAPED_NUL.search(text) is not None


def _read(contract: type[T], text: bytes, extra: Literal["forbid"] | None = None) -> T:
    try:
        return contract.model_validate_json(text, strict=True, extra=extra)
    except ValidationError:
        # To pydantic 1.0 is no strict integer, to JSON Schema it is one. Few writers send it, so it is tried last.
        try:
            document = from_json(text)
        except ValueError:
            document = None
        whole = _whole_numbers(document)
        if whole is document:
            raise
        return contract.model_validate_json(to_json(whole), strict=True, extra=extra)


def _whole_numbers(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """The value with integers for floats that are whole; itself if it has none."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            entries = [_whole_numbers(entry) for entry in value]
            return value if all(map(is_, entries, value)) else entries
        case dict():
            pairs = {name: _whole_numbers(entry) for name, entry in value.items()}
            return value if all(map(is_, pairs.values(), value.values())) else pairs
        case _:
            return value


def _invalid(contract: type[Contract], error: ValidationError, data: object) -> InvalidEventError:
    violations = tuple(
        Violation(
            rule=fault["type"],
            path="/data" + _pointer(fault["loc"], data),
            message=_MESSAGES.get(fault["type"], fault["msg"]),
        )
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return InvalidEventError(contract.event_type, violations)


def _pointer(steps: Sequence[str | int], data: Any) -> str:  # noqa: ANN401  # any JSON value
    """pydantic's location as a JSON Pointer, without the steps that name a branch of a union and no place."""
    pointer, here, known = "", data, data is not None
    for position, step in enumerate(steps):
        if known and isinstance(step, str):
            inside = isinstance(here, Mapping) and step in here
            if not inside and (position < len(steps) - 1 or not isinstance(here, Mapping)):
                continue
            here = here[step] if inside else None
        elif known and isinstance(step, int):
            here = here[step] if isinstance(here, Sequence) and step < len(here) else None
        pointer += "/" + str(step).replace("~", "~0").replace("/", "~1")
    return pointer
