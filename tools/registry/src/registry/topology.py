"""Who publishes and consumes what, of the working tree or of a revision: two keys of each manifest are enough."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from registry.catalogue import fact_of, read_bytes
from registry.errors import UnusableFileError, in_one_line
from registry.layout import Layout


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Owner(_Model):
    """A team, and where to reach it: an address, a link, a channel."""

    team: str
    contact: str = ""

    def __str__(self) -> str:
        return f"{self.team} ({self.contact})" if self.contact else self.team


class AwsEvent(_Model):
    """An event that AWS itself puts on the bus."""

    source: str
    detail_type: str


class Consumption(_Model):
    """An event of ours or of AWS, and the function that consumes it."""

    event: str | None = None
    aws_event: AwsEvent | None = None
    function: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        """A consumed event may be given by its type alone."""
        return {"event": given} if isinstance(given, str) else given


class Member(_Model):
    """What is read of a service's manifest: what it publishes and consumes, and for people what it is and whose."""

    service: Annotated[str, StringConstraints(pattern=r"^[^/\\]+$")] | None = None
    summary: str = ""
    owners: tuple[Owner, ...] = ()
    publishes: tuple[str, ...] = ()
    consumes: tuple[Consumption, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: object) -> object:
        """A file, or a key of it, without a value says nothing."""
        if given is None:
            return {}
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    @property
    def heard(self) -> tuple[str, ...]:
        """The types of our own events among those that it consumes."""
        return tuple(item.event for item in self.consumes if item.event)


@dataclass(frozen=True, slots=True)
class Participants:
    """Producers and consumers of events, by name of the service."""

    producers: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()

    def __or__(self, other: "Participants") -> "Participants":
        return Participants(
            tuple(sorted({*self.producers, *other.producers})), tuple(sorted({*self.consumers, *other.consumers}))
        )


@dataclass(frozen=True, slots=True)
class Topology:
    """The services by name, and the paths of their manifests."""

    services: Mapping[str, Member]
    files: Mapping[str, str]

    def of_type(self, event_type: str) -> Participants:
        """Who names exactly that type."""
        return self._matching(lambda other: other == event_type)

    def of_fact(self, event_type: str) -> Participants:
        """Who names any major of the type's fact: older ones are upcast for consumers."""
        return self._matching(lambda other: fact_of(other) == fact_of(event_type))

    def owners(self, event_type: str) -> tuple[Owner, ...]:
        """Whose a contract is: the owners of its producers, of a retired one those of the service in its name."""
        producers = self.of_type(event_type).producers or (fact_of(event_type).split(".")[0],)
        return tuple(
            dict.fromkeys(o for name in producers if name in self.services for o in self.services[name].owners)
        )

    def _matching(self, fits: Callable[[str], bool]) -> Participants:
        members = self.services.items()
        return Participants(
            tuple(name for name, member in members if any(map(fits, member.publishes))),
            tuple(name for name, member in members if any(map(fits, member.heard))),
        )


def tree_manifests(layout: Layout) -> dict[str, bytes]:
    """Path -> contents of the working tree's manifests."""
    operators = layout.root / layout.operators
    found = sorted([*layout.root.glob(layout.manifests), *([operators] if operators.is_file() else [])])
    return {path.relative_to(layout.root).as_posix(): read_bytes(path) for path in found}


def read_topology(files: Mapping[str, bytes], layout: Layout) -> Topology:
    """From files of the working tree or of a revision; others than manifests are passed over.

    A service is called as its manifest says, or else as the first `*` of the setting.

    Raises:
        UnusableFileError: a manifest is not YAML, or one of these keys has another form.
    """
    services: dict[str, Member] = {}
    paths: dict[str, str] = {}
    for path, raw in sorted(files.items()):
        if place := layout.manifest_pattern.fullmatch(path):
            member = _read(path, raw)
            # Without a `*` there is one manifest, at a path: a name has no slash.
            name = member.service or (place[1] if place.groups() else path.replace("/", "-"))
            services[name], paths[name] = member, path
        elif path == layout.operators:
            member = _read(path, raw)
            name = member.service or "operator"
            services[name], paths[name] = member, path
    return Topology(services, paths)


def _read(path: str, raw: bytes) -> Member:
    try:
        return Member.model_validate(yaml.safe_load(raw))
    except yaml.YAMLError as error:
        raise UnusableFileError(f"{path}: not YAML: {in_one_line(error)}") from error
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        place = "".join(f"{step}." for step in first["loc"])[:-1]
        raise UnusableFileError(f"{path}: {f'{place}: ' if place else ''}{first['msg']}") from error
