"""What can be wrong with an event.

ContractError
├── UnknownEventError    no contract of that type is registered
├── NotLivingError       the payload to be published is not of a living contract
├── InvalidEventError    the document does not satisfy the envelope or its contract
├── NoUpcasterError      no chain of upcasters leads from a version to the requested one
├── BrokenRegistryError  contracts are declared that break the naming rules or lack an upcaster
└── SchemaFileError      a committed schema is missing, misplaced or unreadable

No message quotes a value of a payload: payloads are personal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: the rule's stable name, where in the document, and a sentence for readers."""

    rule: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message} [{self.rule}]"


class ContractError(Exception):
    """Base of everything this package raises about events."""


class UnknownEventError(ContractError):
    """No contract is registered for the event's type."""

    def __init__(self, event_type: str) -> None:
        super().__init__(f"no contract is registered for event type {event_type!r}")
        self.event_type = event_type


class NotLivingError(ContractError):
    """A payload is not the living contract of its fact: it is retired, not registered, or only resembles it."""

    def __init__(self, event_type: str, contract: str) -> None:
        super().__init__(f"{contract} is not the living contract of {event_type}, and is not published")
        self.event_type = event_type


class InvalidEventError(ContractError):
    """The document breaks the envelope or the contract of its type; `violations` says where."""

    def __init__(self, event_type: str | None, violations: tuple[Violation, ...]) -> None:
        listed = "; ".join(str(violation) for violation in violations[:5])
        super().__init__(f"invalid event {event_type or '(no type)'}: {listed}")
        self.event_type = event_type
        self.violations = violations


class NoUpcasterError(ContractError):
    """An event of one version cannot be read as another."""

    def __init__(self, event_type: str, to: str) -> None:
        super().__init__(f"no chain of upcasters leads from {event_type} to {to}")
        self.event_type = event_type
        self.to = to


@dataclass(frozen=True, slots=True)
class RegistryFault:
    """One declaration that cannot stand, in a sentence."""

    event_type: str
    message: str
    upcaster_missing: bool = False


class BrokenRegistryError(ContractError):
    """The registry's declarations have faults; the message has one line for each."""

    def __init__(self, faults: Iterable[RegistryFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(fault.message for fault in self.faults))


class SchemaFileError(ContractError):
    """A committed schema file is missing, misplaced or unreadable."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(f"{path} {message}")
        self.path = path
