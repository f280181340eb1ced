"""All manifests together."""

from dataclasses import dataclass
from pathlib import Path

from manifests.model import Function, Operators, Service
from manifests.platform import Platform

#: The function of a service that folds what it consumes.
CONSUMER = "events"


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A function together with the service and the name under which it is declared."""

    service: Service
    name: str
    function: Function

    @property
    def is_replayed_to(self) -> bool:
        """Whether replayed events for the service are delivered to the function, by a queue of their own."""
        return self.name == CONSUMER and bool(self.service.consumed_by(self.name))

    def sibling(self, name: str) -> "FunctionRef":
        """Another function of the same service. Raises KeyError when it has none of that name."""
        return FunctionRef(self.service, name, self.service.functions[name])


@dataclass(frozen=True)
class Manifests:
    """All services by name, and what they share."""

    root: Path
    services: dict[str, Service]
    platform: Platform
    operators: Operators

    @property
    def functions(self) -> tuple[FunctionRef, ...]:
        """Every function of every service, in the order of the files."""
        return tuple(
            FunctionRef(service, name, function)
            for service in self.services.values()
            for name, function in service.functions.items()
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of all secrets that any function reads, sorted."""
        return tuple(sorted({name for ref in self.functions for name in ref.function.secrets}))

    def service_folder(self, service: str) -> Path:
        """The folder of a service."""
        return self.root / "services" / service
