"""What pushing or pulling would change, without values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from localmesh.provider_choice import EMULATED_KEY


class Change(StrEnum):
    """The change of a secret at its destination."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    DELETED = "deleted"
    ABSENT = "absent"
    EMULATED = "emulated"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One secret; `value` is the new value, if one is to be written."""

    name: str
    change: Change
    value: SecretStr | None = None

    @property
    def variable(self) -> str:
        """Its name in a `.env` file."""
        return variable_of(self.name)


def variable_of(secret: str) -> str:
    """`anthropic-api-key` is ANTHROPIC_API_KEY in a `.env` file."""
    return secret.upper().replace("-", "_")


def compare_for_push(
    secrets: Iterable[str], file: Mapping[str, SecretStr], store: Mapping[str, SecretStr], *, delete_missing: bool
) -> list[Comparison]:
    """The changes of a push. An empty variable counts as missing."""
    without = Change.DELETED if delete_missing else Change.KEPT
    return [_compare(name, file.get(variable_of(name)), store.get(name), without) for name in secrets]


def compare_for_pull(
    secrets: Iterable[str], file: Mapping[str, SecretStr], store: Mapping[str, SecretStr]
) -> list[Comparison]:
    """The changes of a pull. The local mesh's placeholder for an emulated provider's key is not a key."""
    return [
        Comparison(name, Change.EMULATED)
        if name in store and store[name].get_secret_value() == EMULATED_KEY
        else _compare(name, store.get(name), file.get(variable_of(name)), Change.KEPT)
        for name in secrets
    ]


def _compare(name: str, source: SecretStr | None, target: SecretStr | None, without_source: Change) -> Comparison:
    if not source:
        return Comparison(name, without_source if target else Change.ABSENT)
    if not target:
        return Comparison(name, Change.ADDED, source)
    return Comparison(name, Change.UNCHANGED) if source == target else Comparison(name, Change.CHANGED, source)
