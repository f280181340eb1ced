"""Is a contract still to be used? Retired ones are published by nobody, deprecated ones say so in their schema."""

from dataclasses import dataclass
from enum import StrEnum

from registry.catalogue import Catalogue, fact_of
from registry.topology import Topology


class Stage(StrEnum):
    """Stages in the life of a contract."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Standing:
    """The stage of a contract, and the event type that replaces it, where there is one."""

    stage: Stage
    replaced_by: str | None = None

    def __str__(self) -> str:
        return f"{self.stage}, replaced by {self.replaced_by}" if self.replaced_by else self.stage


def standing(catalogue: Catalogue, topology: Topology, event_type: str) -> Standing:
    """The standing of a type: its newest version's `deprecated` and `x-replaced-by` count, and newer majors."""
    newest = catalogue.versions[event_type][-1]
    last = catalogue.of_fact(fact_of(event_type))[-1].event_type
    named = newest.consumer.get("x-replaced-by")
    replaced_by = named if isinstance(named, str) else last if last != event_type else None
    # Without manifests nothing is known of producers.
    if topology.services and not topology.of_type(event_type).producers:
        return Standing(Stage.RETIRED, replaced_by)
    if newest.consumer.get("deprecated") is True:
        return Standing(Stage.DEPRECATED, replaced_by)
    return Standing(Stage.SUPERSEDED, replaced_by) if last != event_type else Standing(Stage.CURRENT)
