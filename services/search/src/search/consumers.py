"""The queue consumer: routes events to reactions. Projections are folded automatically."""

from chassis.queue import EventConsumer, forgets, on
from search.bootstrap import SearchService


def on_events(service: SearchService) -> EventConsumer:
    """Consume the events that the read model is folded from."""
    return EventConsumer(service, [*(on(contract) for contract in service.projections.contracts), forgets(service)])
