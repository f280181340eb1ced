"""The types of rules and findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from policy_checks.planned_environment import PlannedEnvironment

# Address of a resource, and what is wrong with it.
Faults = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """A resource that violates a rule."""

    rule: str
    address: str
    message: str

    def __str__(self) -> str:
        """Render as one line."""
        return f"{self.rule}: {self.address}: {self.message}"


@dataclass(frozen=True)
class Rule:
    """A property of environments; `check` yields the resources that violate it."""

    check: Callable[[PlannedEnvironment], Faults]

    @property
    def name(self) -> str:
        """The name in words."""
        return self.check.__name__.replace("_", " ")
