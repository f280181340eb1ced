"""The processes that run the services in the mode `containers`: their names and management ports."""

from __future__ import annotations

from typing import Final

from localmesh.config import MeshSettings
from manifests import Manifests

WEB: Final = "web"


def container_names(manifests: Manifests) -> tuple[str, ...]:
    """The names of all processes, in the order of their management ports."""
    return (WEB, *sorted(manifests.services))


def container_of(service: str, *, has_routes: bool) -> str:
    """The process that runs a function."""
    return WEB if has_routes else service


def management_port(settings: MeshSettings, manifests: Manifests, name: str) -> int:
    """Where a process answers probes and takes invocations."""
    return settings.management_port + container_names(manifests).index(name)
