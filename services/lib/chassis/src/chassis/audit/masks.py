"""Masks: what is personal in a document, replaced so that the event can still be folded.

A document that leaves its owner is masked: each personal text is a token, the same for the same text of one event. The
service that folds it replaces the tokens in one of two ways. What the two folds do not have in common depends on
something personal, and cannot be compared with the live rows; all else can.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from chassis.observability import hash_tenant
from contracts import REGISTRY
from contracts.embedding import ItemEmbedded, encode_vector, with_vectors
from contracts.personal import Marks, marks

__all__ = ["MASKS", "Mask", "hidden", "masked"]

#: Replaces the personal values of a document.
Mask = Callable[[Mapping[str, Any]], dict[str, Any]]


def masked(document: Mapping[str, Any], tenant_id: str) -> dict[str, Any]:
    """The wire document without anything personal; the tenant's id is its hash wherever it occurs."""
    tokens: dict[str, str] = {}

    def token(value: object) -> object:
        if isinstance(value, str):  # an empty text stays empty: whether there is one decides in folds
            return tokens.setdefault(value, f"t{len(tokens)}") if value else value
        return value if value is None else type(value)(0)  # type: ignore[call-arg]

    contract = REGISTRY.contract(document["type"])
    data = _replaced(marks(contract), document["data"], token)
    replaced: dict[str, Any] = hidden({**document, "data": data}, tenant_id)
    return replaced


def hidden(value: Any, tenant_id: str) -> Any:  # noqa: ANN401  # any JSON value
    """The JSON value with the hash of the tenant's id wherever the id occurs."""
    return json.loads(json.dumps(value).replace(tenant_id, hash_tenant(tenant_id)))


def _mask(text: Callable[[str], str], number: int) -> Mask:
    def leaf(value: object) -> object:
        if isinstance(value, str):
            return text(value) if value else value
        return value if value is None else type(value)(number)  # type: ignore[call-arg]

    def mask(document: Mapping[str, Any]) -> dict[str, Any]:
        contract = REGISTRY.contract(document["type"])
        data = _replaced(marks(contract), document["data"], leaf)
        if contract is ItemEmbedded:
            # Unit vectors, which every model's vectors can be compared with.
            data = with_vectors(data, encode_vector([float(at == number) for at in range(data["dimensions"])]))
        return {**document, "data": data}

    return mask


#: Texts of different lengths and words, different numbers, different vectors.
MASKS: Final[tuple[Mask, Mask]] = (
    _mask(lambda token: f"masked{token}", 0),
    _mask(lambda token: f"other words {token}", 1),
)


def _replaced(mark: "bool | Marks", value: Any, leaf: Callable[[object], object]) -> Any:  # noqa: ANN401  # any JSON value
    if mark is False:
        return value
    if isinstance(value, Mapping):
        return {
            name: _replaced(mark if mark is True else mark.get(name, False), item, leaf) for name, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_replaced(mark, item, leaf) for item in value]
    return leaf(value) if mark is True else value
