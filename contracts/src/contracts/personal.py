"""Personal fields: what a contract marks as personal never appears in logs, errors or catalogues.

A field is marked `Annotated[str, Personal()]`; the mark covers everything below it and is `x-personal: true` in the
published schemas. Ids, object keys and digests are not marked: they reveal nothing without the collection itself.
"""

import json
import re
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin

from pydantic import GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from contracts.contract import Contract, Part

MASK = "***"
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field as personal."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The field's schema with `x-personal`."""
        return {**handler(core_schema), "x-personal": True}


#: Field -> whether all below is personal, or which parts of it are.
Marks = Mapping[str, "bool | Marks"]


def masked(contract: type[Contract], payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload with everything personal masked; texts become `***`, numbers 0, and the shape stays valid."""
    found = marks(contract)
    return {name: _below(found.get(name, False), value) for name, value in payload.items()}


def personal_paths(contract: type[Contract]) -> tuple[str, ...]:
    """Where personal fields are, as `description/media_metadata/hashtags`; items of lists have no step of their own."""
    return tuple(_paths(marks(contract), ""))


def is_personal(field: FieldInfo) -> bool:
    """Whether the field, with everything below it, is marked."""
    return any(isinstance(mark, Personal) for mark in field.metadata)


def redaction(*data: Contract) -> Callable[[str], str]:
    """A function that redacts from a text (of an error, say) all personal texts of payloads.

    Whole words only, and none shorter than four letters: a mood like "fun" would redact half of "function".
    """
    pattern: re.Pattern[str] | None = None

    def redact(text: str) -> str:
        # Most events are handled without a log line, so the pattern is compiled for the first one.
        nonlocal pattern
        pattern = pattern or _pattern(data)
        return pattern.sub(MASK, text)

    return redact


def _pattern(data: tuple[Contract, ...]) -> re.Pattern[str]:
    texts = {text for one in data for text in _personal_texts(marks(type(one)), one.model_dump(mode="json"))}
    # Exceptions and JSON show a text with its line breaks and quotes escaped.
    forms = {
        form for text in texts for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    }
    # Without any text: a pattern that matches nothing.
    return re.compile("|".join(_whole(form) for form in sorted(forms, key=len, reverse=True)) or r"(?!)")


def _whole(text: str) -> str:
    before = r"(?<!\w)" if re.match(r"\w", text) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", text) else ""
    return before + re.escape(text) + after


@cache
def marks(part: type[Part]) -> Marks:
    """The personal fields of a part, found once."""
    found: dict[str, bool | Marks] = {}
    for name, field in part.model_fields.items():
        if is_personal(field):
            found[name] = True
            continue
        below: dict[str, bool | Marks] = {}
        for inner in parts_of(field.annotation):
            below |= marks(inner)
        if below:
            found[name] = below
    return found


def parts_of(annotation: object) -> Iterator[type[Part]]:
    """The parts that values of a field with this annotation consist of."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, tuple, list):
        for argument in get_args(annotation):
            yield from parts_of(argument)
    elif get_origin(annotation) is not None and get_args(annotation):
        yield from parts_of(get_args(annotation)[0])  # Annotated


def _paths(found: Marks, above: str) -> Iterator[str]:
    for name, mark in found.items():
        if isinstance(mark, bool):
            yield above + name
        else:
            yield from _paths(mark, f"{above}{name}/")


def _masked(found: Marks, value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, Mapping):
        return {name: _below(found.get(name, False), item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(found, item) for item in value]
    return value


def _below(mark: "bool | Marks", value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if mark is True:
        return blank(value)
    return value if mark is False else _masked(mark, value)


def blank(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """The value with its shape alone: texts are `***`, numbers 0."""
    if isinstance(value, str):
        return MASK
    if isinstance(value, Mapping):
        return {name: blank(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [blank(item) for item in value]
    # A whole number stays one; true and false reveal something too, and false reveals less.
    return value if value is None else type(value)(0)


def _personal_texts(found: "bool | Marks", value: Any) -> Iterator[str]:  # noqa: ANN401  # any JSON value
    if found is False:
        return
    if isinstance(value, str):
        if found is True and len(value) >= _SHORTEST:
            yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _personal_texts(True if found is True else found.get(name, False), item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _personal_texts(found, item)
