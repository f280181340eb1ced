"""Who publishes and consumes what, of the working tree or of a revision: two keys of each manifest are enough."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from registry.catalogue import fact_of, read_bytes
from registry.errors import UnusableFileError

MANIFESTS = "services"
_FILE = "service.yaml"


class _Consumed(BaseModel):
    event: str | None = None


class _Manifest(BaseModel):
    publishes: list[str] = []
    consumes: list[_Consumed] = []


@dataclass(frozen=True, slots=True)
class Participants:
    """Producers and consumers of events, by name of the service."""

    producers: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """Service -> event types that it publishes, and that it consumes."""

    publishes: Mapping[str, frozenset[str]]
    consumes: Mapping[str, frozenset[str]]

    def of_type(self, event_type: str) -> Participants:
        """Who names exactly that type."""
        return self._matching(lambda other: other == event_type)

    def of_fact(self, event_type: str) -> Participants:
        """Who names any major of the type's fact: older ones are upcast for consumers."""
        return self._matching(lambda other: fact_of(other) == fact_of(event_type))

    def _matching(self, fits: Callable[[str], bool]) -> Participants:
        return Participants(
            tuple(service for service, types in self.publishes.items() if any(map(fits, types))),
            tuple(service for service, types in self.consumes.items() if any(map(fits, types))),
        )


def tree_manifests(root: Path) -> dict[str, bytes]:
    """Path -> contents of the working tree's manifests."""
    return {
        path.relative_to(root).as_posix(): read_bytes(path) for path in sorted((root / MANIFESTS).glob(f"*/{_FILE}"))
    }


def read_topology(files: Mapping[str, bytes]) -> Topology:
    """From files of the working tree or of a revision; others than manifests are passed over.

    Raises:
        UnusableFileError: a manifest is not YAML, or these keys of it are not lists.
    """
    found = {
        path.split("/")[-2]: _read(path, raw)
        for path, raw in sorted(files.items())
        if path.startswith(f"{MANIFESTS}/") and path.count("/") == 2 and path.endswith(f"/{_FILE}")
    }
    return Topology(
        {service: frozenset(manifest.publishes) for service, manifest in found.items()},
        {service: frozenset(c.event for c in manifest.consumes if c.event) for service, manifest in found.items()},
    )


def _read(path: str, raw: bytes) -> _Manifest:
    try:
        document: Any = yaml.safe_load(raw)
        return _Manifest.model_validate(document)
    except yaml.YAMLError as error:
        raise UnusableFileError(f"{path}: not YAML: {error}") from error
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        raise UnusableFileError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
