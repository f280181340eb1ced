"""Text that every store of ours can hold: Unicode without U+0000, which Postgres refuses, and without lone surrogates,
which UTF-8 has no bytes for."""

import re
from typing import Any, TypeVar, cast

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

__all__ = ["TEXT_RULE", "is_storable", "storable"]

T = TypeVar("T")

#: The rule that other text breaks.
TEXT_RULE = "storable-text"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def is_storable(text: str) -> bool:
    """Whether the text has neither."""
    # Nearly every text that is checked is ASCII, which is known without looking.
    return "\x00" not in text if text.isascii() else _UNSTORABLE.search(text) is None


def storable(value: T) -> T:
    """The text, or payload with all its texts, with U+FFFD in place of what cannot be stored; itself if all can."""
    if isinstance(value, BaseModel) and _is_clean(value):
        return value  # as nearly always: to write it costs a tenth of the walk
    return cast("T", _storable(value))


def _is_clean(model: BaseModel) -> bool:
    try:
        return b"\\u0000" not in model.__pydantic_serializer__.to_json(model, warnings=False)
    except PydanticSerializationError:
        return False


def _storable(value: Any) -> Any:  # noqa: ANN401  # text, a model, or any JSON value
    match value:
        case str():
            return value if is_storable(value) else _UNSTORABLE.sub(_REPLACEMENT, value)
        case BaseModel():
            cleaned = {name: _storable(field) for name, field in value}
            changed = {name: field for name, field in cleaned.items() if field is not getattr(value, name)}
            return value.model_copy(update=changed) if changed else value
        case list() | tuple():
            entries = [_storable(entry) for entry in value]
            return value if all(map(_is, entries, value)) else type(value)(entries)
        case dict():
            pairs = {_storable(name): _storable(entry) for name, entry in value.items()}
            same = all(map(_is, pairs, value)) and all(map(_is, pairs.values(), value.values()))
            return value if same else pairs
        case _:
            return value


def _is(one: object, other: object) -> bool:
    return one is other
