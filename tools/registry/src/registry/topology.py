"""Who publishes and consumes what, of the working tree or of a revision: two keys of each manifest are enough."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import yaml
from pydantic import BaseModel, ValidationError, model_validator

from registry.catalogue import fact_of, read_bytes
from registry.errors import UnusableFileError
from registry.layout import Layout


class _Consumed(BaseModel):
    event: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        """A consumed event may be given by its type alone."""
        return {"event": given} if isinstance(given, str) else given


class _Manifest(BaseModel):
    service: str | None = None
    summary: str = ""
    publishes: list[str] = []
    consumes: list[_Consumed] = []


@dataclass(frozen=True, slots=True)
class Participants:
    """Producers and consumers of events, by name of the service."""

    producers: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """Service -> its manifest's path and summary, event types that it publishes, and that it consumes."""

    files: Mapping[str, str]
    summaries: Mapping[str, str]
    publishes: Mapping[str, tuple[str, ...]]
    consumes: Mapping[str, tuple[str, ...]]

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


def tree_manifests(layout: Layout) -> dict[str, bytes]:
    """Path -> contents of the working tree's manifests."""
    found = sorted(layout.root.glob(layout.manifests))
    return {path.relative_to(layout.root).as_posix(): read_bytes(path) for path in found}


def read_topology(files: Mapping[str, bytes], layout: Layout) -> Topology:
    """From files of the working tree or of a revision; others than manifests are passed over.

    A service is called as its manifest says, or else as the first `*` of the setting.

    Raises:
        UnusableFileError: a manifest is not YAML, or these keys of it are not lists.
    """
    found: dict[str, _Manifest] = {}
    paths: dict[str, str] = {}
    for path, raw in sorted(files.items()):
        if place := layout.manifest_pattern.fullmatch(path):
            manifest = _read(path, raw)
            service = manifest.service or (place[1] if place.groups() else path)
            found[service], paths[service] = manifest, path
    return Topology(
        paths,
        {service: manifest.summary for service, manifest in found.items()},
        {service: tuple(manifest.publishes) for service, manifest in found.items()},
        {service: tuple(c.event for c in manifest.consumes if c.event) for service, manifest in found.items()},
    )


def _read(path: str, raw: bytes) -> _Manifest:
    try:
        return _Manifest.model_validate(yaml.safe_load(raw))
    except yaml.YAMLError as error:
        raise UnusableFileError(f"{path}: not YAML: {error}") from error
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        raise UnusableFileError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
