"""What every page of the site draws from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from registry.catalogue import Catalogue, Json, fact_of
from registry.deployment_records.record import ContractVersion, Environment
from registry.fields import fields_of
from registry.lifecycle import Standing, standing
from registry.picture import Fact, draw, facts, flow
from registry.reasons import Reasons
from registry.topology import Topology


@dataclass(frozen=True, slots=True)
class Site:
    """The registry with what belongs to it; `hues` are the services in the order of the flow."""

    catalogue: Catalogue
    topology: Topology
    reasons: Reasons
    environments: Sequence[Environment]
    facts: tuple[Fact, ...]
    hues: Mapping[str, int]

    def fact(self, event_type: str) -> Fact:
        """The event of a type, also of a retired one, whose stored events are still consumed."""
        known = {fact.event_type: fact for fact in self.facts}
        if event_type in known:
            return known[event_type]
        consumers = self.topology.of_type(event_type).consumers
        return Fact(
            event_type, fact_of(event_type).split(".")[0], tuple(name for name in self.hues if name in consumers)
        )

    def standing(self, event_type: str) -> Standing:
        """Whether the type is still to be used."""
        return standing(self.catalogue, self.topology, event_type)

    def picture(self, shown: Sequence[Fact], base: str = "") -> str:
        """The picture of those events; empty where there is none to draw."""
        drawn = [fact for fact in shown if fact.producer in self.hues]
        return Markup(draw(drawn, self.hues, base=base)) if drawn else ""  # drawn here, texts escaped

    def row(self, event_type: str) -> Json:
        """An event in a list of events."""
        version, fact = self.catalogue.versions[event_type][-1], self.fact(event_type)
        return {
            "type": event_type,
            "label": fact.label,
            "number": version.number,
            "description": version.consumer.get("description", ""),
            "consumers": fact.consumers,
            "personal": sum(field.personal for field in fields_of(version.consumer).values()),
            "standing": self.standing(event_type),
        }

    def is_behind(self, found: ContractVersion) -> bool:
        """Whether the registry has a newer version of a deployed type."""
        versions = self.catalogue.versions.get(found.event)
        return versions is not None and versions[-1].number != found.version


def sources(catalogue: Catalogue, topology: Topology, reasons: Reasons, environments: Sequence[Environment]) -> Site:
    """The same with the events along the flow, and a hue for each service."""
    published = facts(topology, catalogue.versions)
    order = flow(topology.services, published)
    # Equal steps around the colour wheel, from a blue on.
    hues = {name: (250 + round(360 * place / len(order))) % 360 for place, name in enumerate(order)}
    return Site(catalogue, topology, reasons, environments, published, hues)
