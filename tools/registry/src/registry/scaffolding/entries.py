"""What manifests are to say once an event is in them, and whether they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from registry.catalogue import Version
from registry.errors import ScaffoldError, UnusableFileError
from registry.layout import Layout
from registry.scaffolding.draft import Draft
from registry.scaffolding.event_code import EventSpec
from registry.topology import Consumption, Member, Topology, read_topology


def meant(
    topology: Topology, spec: EventSpec, consumers: Sequence[str], before: Version | None, function: str | None
) -> Mapping[str, Member]:
    """The services with the event, or with the next major of the one before; `function` is what consumers get."""
    return {
        name: _with_event(name, member, spec, consumers, before, function) for name, member in topology.services.items()
    }


def check_entries(draft: Draft, layout: Layout, topology: Topology, expected: Mapping[str, Member]) -> None:
    """Read the manifests again, as `check` will. Raises ScaffoldError: they say something else than what is meant."""
    try:
        written = read_topology({path: draft.read(path).encode() for path in topology.files.values()}, layout).services
    except UnusableFileError as error:
        raise ScaffoldError(f"the manifests would be wrong; add the event to them by hand: {error}") from error
    for name, member in expected.items():
        if written.get(name) != member:
            raise ScaffoldError(f"{topology.files[name]} cannot be added to as text; add the event to it by hand")


def _with_event(
    name: str,
    member: Member,
    spec: EventSpec,
    consumers: Sequence[str],
    before: Version | None,
    function: str | None,
) -> Member:
    publishes, consumes = member.publishes, member.consumes
    if before is not None:
        publishes = tuple(spec.event_type if known == before.event_type else known for known in publishes)
        consumes = tuple(entry for known in consumes for entry in _beside(known, before.event_type, spec.event_type))
    elif name == spec.service:
        publishes = (*publishes, spec.event_type)
    if name in consumers:
        consumes = (*consumes, Consumption(event=spec.event_type, function=function))
    return member.model_copy(update={"publishes": publishes, "consumes": consumes})


def _beside(known: Consumption, before: str, after: str) -> Iterator[Consumption]:
    yield known
    if known.event == before:
        yield known.model_copy(update={"event": after})
