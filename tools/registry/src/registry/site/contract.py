"""The page of a contract: one major of an event, with the history of all of them."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from registry.catalogue import Json, Version
from registry.changes import Event, What, change_line, history
from registry.deployment_records.record import ContractVersion
from registry.fields import Field, fields_of
from registry.masking import masked_document, personal_paths
from registry.site.sources import Site


def values(site: Site, event_type: str) -> Json:
    """Everything known about the contract."""
    versions = site.catalogue.versions[event_type]
    newest, fact = versions[-1], site.fact(event_type)
    every = site.catalogue.of_fact(newest.fact)
    personal = personal_paths(every)
    past = history(every)
    fields = fields_of(newest.consumer)
    return {
        "fact": fact,
        "standing": site.standing(event_type),
        "owners": site.topology.owners(event_type),
        "title": newest.consumer.get("title", fact.label),
        "description": newest.consumer.get("description", ""),
        "newest": newest,
        "picture": site.picture([fact], "../") if fact in site.facts else "",
        "producers": site.topology.of_type(event_type).producers,
        "consumers": [
            (name, item.function)
            for name, service in site.topology.services.items()
            for item in service.consumes
            if item.event == event_type
        ],
        "personal": sum(field.personal for field in fields.values()),
        "fields": list(_rows(fields, past, {version.number for version in every if version.order <= newest.order})),
        "history": [
            (version, site.reasons.get((version.fact, version.number), ()), _lines(past, version), version == every[0])
            for version in reversed(every)
        ],
        "environments": site.environments,
        "runs": [run for run in _runs(site, event_type) if run[1] or run[2]],
        "examples": [
            (version.number, example.name, masked_document(example, personal))
            for version in reversed(versions)
            for example in version.examples
        ],
    }


def _rows(fields: Mapping[str, Field], past: Mapping[str, Sequence[Event]], numbers: Container[str]) -> Iterator[Json]:
    """Fields with their depth and label, the versions up to this one that changed them, and the one without them."""
    depths = {"": -1}
    for field in fields.values():
        # Of `renditions[].width` and `renditions[]<small>` the list is the parent.
        parent = field.parent
        while parent.endswith(("[]", "{}")):
            parent = parent[:-2]
        depths[field.name] = depths.get(parent, -1) + 1
        label = field.name.removeprefix(field.parent).removeprefix(".")
        since, *later = past[field.name]
        yield {
            "field": field,
            "depth": depths[field.name],
            "label": label[1:-1] if field.alternative else label,
            "since": since.version,
            "changed": dict.fromkeys(event.version for event in later if event.version in numbers),
            "removed": next((event.version for event in later if event.change.what is What.REMOVED), ""),
        }


def _lines(past: Mapping[str, Sequence[Event]], version: Version) -> list[str]:
    """A version's changes to the fields."""
    return [
        change_line(event.change) for events in past.values() for event in events if event.version == version.number
    ]


def _runs(site: Site, event_type: str) -> Iterator[tuple[str, list[Json], list[Json]]]:
    """Environment -> services that publish and understand the type there, each in its version."""

    def named(versions: Iterable[tuple[str, ContractVersion]]) -> list[Json]:
        return [
            {"service": service, "number": found.version, "behind": site.is_behind(found)}
            for service, found in versions
            if found.event == event_type
        ]

    for environment in site.environments:
        releases = [deployed.release for deployed in environment.services.values()]
        published = named((release.service, found) for release in releases for found in release.publishes)
        understood = named((release.service, found) for release in releases for found in release.understands)
        yield environment.environment, published, understood
