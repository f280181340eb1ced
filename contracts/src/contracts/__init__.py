"""The event schema registry: versioned contracts between the services.

An event is a fact (`Event`) whose payload satisfies a contract (`Contract`). `REGISTRY` knows every contract and reads
documents of the wire; `new_event` makes facts; `Event.to_wire` writes them.
"""

from contracts.contract import Contract, Part
from contracts.envelope import Cause, Event, ReplayKind, ReprocessMode, new_event, replayed
from contracts.errors import (
    BrokenRegistryError,
    ContractError,
    InvalidEventError,
    NotLivingError,
    NoUpcasterError,
    UnknownEventError,
    Violation,
)
from contracts.personal import Personal
from contracts.registry import REGISTRY, Registry
from contracts.text import is_storable, storable

__all__ = [
    "REGISTRY",
    "BrokenRegistryError",
    "Cause",
    "Contract",
    "ContractError",
    "Event",
    "InvalidEventError",
    "NoUpcasterError",
    "NotLivingError",
    "Part",
    "Personal",
    "Registry",
    "ReplayKind",
    "ReprocessMode",
    "UnknownEventError",
    "Violation",
    "is_storable",
    "new_event",
    "replayed",
    "storable",
]
