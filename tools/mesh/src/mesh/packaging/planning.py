"""Plans which packages to build, and which functions share one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from manifests import FunctionRef, Manifests
from mesh.packaging.errors import ServiceUnknownError


@dataclass(frozen=True, slots=True)
class PlannedPackage:
    """A service with some of its extras, and the functions that need exactly those."""

    service: str
    extras: tuple[str, ...]
    functions: tuple[FunctionRef, ...]

    @property
    def name(self) -> str:
        """Its file name without `.zip`: `chat`, `chat-agent`."""
        return "-".join([self.service, *self.extras])

    @property
    def keys(self) -> tuple[str, ...]:
        """Its functions, as `<service>.<function>`."""
        return tuple(f"{self.service}.{ref.name}" for ref in self.functions)


def plan_packages(manifests: Manifests, services: Collection[str] = ()) -> tuple[PlannedPackage, ...]:
    """The packages of these services, or of all; by service, fewest extras first. Raises ServiceUnknownError."""
    groups: dict[tuple[str, tuple[str, ...]], list[FunctionRef]] = {}
    for ref in functions_of(manifests, services):
        groups.setdefault((ref.service.service, tuple(sorted(set(ref.function.extras)))), []).append(ref)
    return tuple(PlannedPackage(*pair, tuple(refs)) for pair, refs in sorted(groups.items(), key=lambda item: item[0]))


def plan_code_only(manifests: Manifests, services: Collection[str] = ()) -> tuple[PlannedPackage, ...]:
    """One package per service, without third-party packages and so without extras. Raises ServiceUnknownError."""
    groups: dict[str, list[FunctionRef]] = {}
    for ref in functions_of(manifests, services):
        groups.setdefault(ref.service.service, []).append(ref)
    return tuple(PlannedPackage(service, (), tuple(refs)) for service, refs in sorted(groups.items()))


def functions_of(manifests: Manifests, services: Collection[str] = ()) -> tuple[FunctionRef, ...]:
    """The functions of these services, or of all. Raises ServiceUnknownError."""
    for service in services:
        if service not in manifests.services:
            raise ServiceUnknownError(f"there is no service {service}; choose from {', '.join(manifests.services)}")
    return tuple(ref for ref in manifests.functions if not services or ref.service.service in services)
