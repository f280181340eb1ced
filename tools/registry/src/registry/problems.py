"""What can be wrong with a change of the contracts."""

from dataclasses import dataclass
from enum import StrEnum

from compatibility import Finding


class Break(StrEnum):
    """Why a change is refused."""

    INCOMPATIBLE = "incompatible"
    UNDECIDED = "undecided"
    VERSION_DELETED = "version-deleted"
    CHANGED_WITHOUT_VERSION = "changed-without-version"
    NOT_ACKNOWLEDGED = "not-acknowledged"
    EXAMPLE_DELETED = "example-deleted"
    EXAMPLE_CHANGED = "example-changed"
    EXAMPLE_MISSING = "example-missing"
    EXAMPLE_INVALID = "example-invalid"
    VERSION_ORDER = "version-order"
    UNUSABLE_SCHEMA = "unusable-schema"
    UPCASTER_MISSING = "upcaster-missing"
    UPCASTER_BROKEN = "upcaster-broken"
    BROKEN_REGISTRY = "broken-registry"
    SCHEMA_OUTDATED = "schema-outdated"
    MODEL_MISSING = "model-missing"
    RULE_UNPUBLISHED = "rule-unpublished"


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason for a refusal; `finding` holds the proof where schemas are incompatible."""

    rule: Break
    path: str
    message: str
    finding: Finding | None = None
    against: str | None = None
