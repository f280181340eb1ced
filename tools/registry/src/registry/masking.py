"""Golden examples for publication: fields that a contract marks as personal are masked.

The marks of all versions of a fact apply, so that an example older than a mark does not show the field.
"""

from collections.abc import Iterable
from typing import Any

from contracts.personal import MASK
from registry.catalogue import Example, Version
from registry.fields import Json, fields_of


def personal_paths(versions: Iterable[Version]) -> frozenset[str]:
    """Paths of fields that any version marks as personal."""
    return frozenset(
        field.path for version in versions for field in fields_of(version.consumer).values() if field.personal
    )


def masked_document(example: Example, personal: frozenset[str]) -> Json:
    """The complete event with the personal fields of its payload masked."""
    return {**example.document, "data": _masked(example.document.get("data"), "", personal)}


def _masked(value: Any, path: str, personal: frozenset[str]) -> Any:  # noqa: ANN401  # any JSON value
    if path in personal:
        return _mask(value)
    if isinstance(value, dict):
        return {
            name: _masked(item, _known(f"{path}.{name}" if path else name, f"{path}{{}}", personal), personal)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item, f"{path}[]", personal) for item in value]
    return value


def _known(field: str, any_key: str, personal: frozenset[str]) -> str:
    """A key is a field by name, or one of a map's."""
    return any_key if any(mark == any_key or mark.startswith(f"{any_key}.") for mark in personal) else field


def _mask(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, dict):
        return {name: _mask(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_mask(item) for item in value]
    # The type stays, so that the example still matches the contract's types.
    return MASK if isinstance(value, str) else value if value is None else type(value)(0)
