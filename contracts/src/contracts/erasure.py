"""What stays of a payload when what it says of a person is erased: a valid payload that says nothing of them.

Upcasters, folds and replays read it like any other, so that a stream keeps its order and its length.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic_core import to_json

from contracts.contract import Contract, Part
from contracts.embedding import ItemEmbedded, blank_vector
from contracts.imaging import ImageProcessed
from contracts.personal import blank, is_personal, parts_of

__all__ = ["erased", "erased_copy"]

T = TypeVar("T", bound=Contract)

#: Not marked as personal, because `mesh state` may show them; but somebody who is forgotten was there at that time.
_TELLING: Mapping[type[Contract], frozenset[str]] = {ImageProcessed: frozenset({"exif"})}


def erased(contract: type[Contract], payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload without anything personal: what is optional is left out, other texts become `***`, numbers 0.

    Fields that the contract does not know are left out too: nobody knows what they say.
    """
    kept = _erased_part(contract, payload)
    for name in _TELLING.get(contract, ()):
        kept.pop(name, None)
    if contract is ItemEmbedded:
        kept["vector"] = blank_vector(payload["dimensions"])
    return kept


def erased_copy(data: T) -> T:
    """The payload as it is after it was erased."""
    kept = erased(type(data), data.model_dump(mode="json", exclude_none=True))
    return type(data).model_validate_json(to_json(kept))


def _erased_part(part: type[Part], payload: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in payload.items():
        field = part.model_fields.get(name)
        if field is None:
            continue
        if not is_personal(field):
            kept[name] = _erased_value(tuple(parts_of(field.annotation)), value)
        elif field.is_required():
            kept[name] = blank(value)
    return kept


def _erased_value(parts: Sequence[type[Part]], value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if not parts:
        return value
    if isinstance(value, Mapping):
        # Of a union the part that has these fields.
        part = next((each for each in parts if set(value) <= set(each.model_fields)), parts[0])
        return _erased_part(part, value)
    if isinstance(value, (list, tuple)):
        return [_erased_value(parts, item) for item in value]
    return value
