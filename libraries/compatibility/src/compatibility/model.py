"""The vocabulary of a verdict: modes, rules, findings, and what stays undecided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

JsonValue = Any
"""A parsed JSON document; ``Any`` because mypy cannot narrow a recursive union through ``dict`` and ``list`` alike."""


class Mode(StrEnum):
    """Which schemas must understand whose documents (Confluent's seven)."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @property
    def transitive(self) -> bool:
        """True when the whole history counts, not only its last schema."""
        return self.value.endswith("_TRANSITIVE")

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions in which documents must be understood."""
        if self is Mode.NONE:
            return ()
        base = self.value.removesuffix("_TRANSITIVE")
        both = (Direction.BACKWARD, Direction.FORWARD)
        return both if base == "FULL" else (Direction(base.lower()),)


class Direction(StrEnum):
    """Backward: the new schema reads old documents. Forward: an old schema reads new documents."""

    BACKWARD = "backward"
    FORWARD = "forward"


class Rule(StrEnum):
    """What the reader demands that a writer may not deliver; named as if the writer's schema became the reader's."""

    SCHEMA_CLOSED = "schema-closed"
    TYPE_NARROWED = "type-narrowed"
    ENUM_NARROWED = "enum-narrowed"
    CONST_CHANGED = "const-changed"
    MINIMUM_RAISED = "minimum-raised"
    MAXIMUM_LOWERED = "maximum-lowered"
    EXCLUSIVE_MINIMUM_RAISED = "exclusive-minimum-raised"
    EXCLUSIVE_MAXIMUM_LOWERED = "exclusive-maximum-lowered"
    MULTIPLE_OF_NARROWED = "multiple-of-narrowed"
    MIN_LENGTH_RAISED = "min-length-raised"
    MAX_LENGTH_LOWERED = "max-length-lowered"
    PATTERN_NARROWED = "pattern-narrowed"
    FORMAT_NARROWED = "format-narrowed"
    MIN_ITEMS_RAISED = "min-items-raised"
    MAX_ITEMS_LOWERED = "max-items-lowered"
    UNIQUE_ITEMS_REQUIRED = "unique-items-required"
    CONTAINS_REQUIRED = "contains-required"
    MIN_CONTAINS_RAISED = "min-contains-raised"
    MAX_CONTAINS_LOWERED = "max-contains-lowered"
    ITEMS_CLOSED = "items-closed"
    PREFIX_ITEM_FORBIDDEN = "prefix-item-forbidden"
    UNEVALUATED_ITEMS_CLOSED = "unevaluated-items-closed"
    REQUIRED_PROPERTY_ADDED = "required-property-added"
    DEPENDENT_PROPERTY_REQUIRED = "dependent-property-required"
    DEPENDENT_SCHEMA_CLOSED = "dependent-schema-closed"
    PROPERTY_FORBIDDEN = "property-forbidden"
    PATTERN_PROPERTY_FORBIDDEN = "pattern-property-forbidden"
    ADDITIONAL_PROPERTIES_CLOSED = "additional-properties-closed"
    UNEVALUATED_PROPERTIES_CLOSED = "unevaluated-properties-closed"
    PROPERTY_NAMES_NARROWED = "property-names-narrowed"
    MIN_PROPERTIES_RAISED = "min-properties-raised"
    MAX_PROPERTIES_LOWERED = "max-properties-lowered"
    ANY_OF_NARROWED = "any-of-narrowed"
    ONE_OF_NARROWED = "one-of-narrowed"
    ONE_OF_AMBIGUOUS = "one-of-ambiguous"
    NOT_WIDENED = "not-widened"
    CONDITION_CLOSED = "condition-closed"


class Outcome(StrEnum):
    """How a check ended."""

    COMPATIBLE = "compatible"
    INCOMPATIBLE = "incompatible"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One proven incompatibility.

    ``path`` is a JSON pointer into the rejecting schema as its author wrote it; ``witness`` is a document which the
    validator accepted under ``accepted_by`` and rejected under ``rejected_by`` (names such as "new" or "v1").
    ``against`` names the schema of the history that the new one was compared with.
    """

    rule: Rule
    path: str
    direction: Direction
    message: str
    witness: JsonValue
    accepted_by: str
    rejected_by: str
    against: str

    def as_json(self) -> dict[str, JsonValue]:
        """The finding as a JSON object."""
        return {
            "rule": self.rule.value,
            "path": self.path,
            "direction": self.direction.value,
            "message": self.message,
            "witness": self.witness,
            "accepted_by": self.accepted_by,
            "rejected_by": self.rejected_by,
            "against": self.against,
        }


@dataclass(frozen=True, kw_only=True)
class Undecided:
    """A comparison that ended with neither proof nor witness; it blocks the verdict "compatible"."""

    direction: Direction
    reason: str
    against: str

    def as_json(self) -> dict[str, JsonValue]:
        """The open question as a JSON object."""
        return {"direction": self.direction.value, "reason": self.reason, "against": self.against}


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Whether every document of a writer is accepted by a reader: covered only if both tuples are empty."""

    findings: tuple[Finding, ...] = ()
    undecided: tuple[Undecided, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """A finding outweighs an open question; an open question outweighs silence."""
        if self.findings:
            return Outcome.INCOMPATIBLE
        return Outcome.UNDECIDED if self.undecided else Outcome.COMPATIBLE


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What ``check`` found out about a new schema and its history."""

    mode: Mode
    findings: tuple[Finding, ...] = ()
    undecided: tuple[Undecided, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Compatible, incompatible (with at least one witness) or undecided (with neither proof nor witness)."""
        return Coverage(findings=self.findings, undecided=self.undecided).outcome

    @property
    def compatible(self) -> bool:
        """True only when compatibility was proven; an undecided verdict is not compatible."""
        return self.outcome is Outcome.COMPATIBLE

    def as_json(self) -> dict[str, JsonValue]:
        """The verdict as a JSON object."""
        return {
            "mode": self.mode.value,
            "outcome": self.outcome.value,
            "compatible": self.compatible,
            "findings": [finding.as_json() for finding in self.findings],
            "undecided": [item.as_json() for item in self.undecided],
        }
