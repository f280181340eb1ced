"""What can go wrong before a verdict exists.

CompatibilityError
    UnusableSchemaError    the input cannot be checked at all; ``code`` says why
    UndecidedError         neither a proof nor a witness was found; ``undecided`` says where
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compatibility.model import Undecided


class Unusable(StrEnum):
    """Stable codes of input that cannot be checked."""

    NOT_FOUND = "file-not-readable"
    NOT_JSON = "not-json"
    DUPLICATE_KEY = "duplicate-key"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    NOT_A_SCHEMA = "not-a-schema"
    UNKNOWN_DIALECT = "unknown-dialect"
    NOT_STRICT = "not-strict"
    MIXED_DIALECTS = "mixed-dialects"
    REMOTE_REFERENCE = "remote-reference"
    UNRESOLVED_REFERENCE = "unresolved-reference"
    CIRCULAR_REFERENCE = "circular-reference"
    CONFLICTING_IDS = "conflicting-ids"
    PATTERN_INVALID = "pattern-invalid"
    PATTERN_CATASTROPHIC = "pattern-catastrophic"


class CompatibilityError(Exception):
    """Any failure of this package."""


class UnusableSchemaError(CompatibilityError):
    """The input is not a schema that can be checked; ``code`` is stable, ``detail`` is for readers."""

    def __init__(self, code: Unusable, detail: str) -> None:
        super().__init__(f"{code.value}: {detail}")
        self.code = code
        self.detail = detail


class UndecidedError(CompatibilityError):
    """Neither a proof of compatibility nor a witness against it was found."""

    def __init__(self, undecided: tuple[Undecided, ...]) -> None:
        super().__init__("; ".join(item.reason for item in undecided))
        self.undecided = undecided
