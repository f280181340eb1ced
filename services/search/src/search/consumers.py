"""The queue's entry point. Every event is folded into the read model; nothing else follows from it."""

from chassis.queue import EventConsumer, on
from search.bootstrap import SearchService


def on_events(service: SearchService) -> EventConsumer:
    """Descriptions, vectors and deletions of items."""
    return EventConsumer(service, [on(contract) for contract in service.projections.contracts])
