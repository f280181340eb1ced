"""The queues' entry points: which event or message goes to which reaction. Projections follow by themselves."""

from functools import partial

from chassis.queue import EventConsumer, MessageConsumer, forgets, on
from chassis.replays import on_replays
from contracts.ingest import ItemDeleted, RetryRequested
from contracts.operations import ForgetRequested
from ingest import direct_uploads, item_state, reactions
from ingest.bootstrap import IngestService
from ingest.direct_uploads import Arrival
from ingest.forgetting import forget_as_ordered


def on_events(service: IngestService) -> EventConsumer:
    """Every event about an item's progress, and deletions of items."""
    return EventConsumer(
        service,
        [
            *(on(contract) for contract in item_state.CONTRACTS if contract is not RetryRequested),
            # The tombstone first: a direct upload that is being accepted finds it and removes what it stored.
            on(ItemDeleted, partial(reactions.remove_objects, service), fold_first=True),
            on(RetryRequested, partial(reactions.process_again, service)),
            forgets(service),
        ],
    )


def on_orders(service: IngestService) -> EventConsumer:
    """Orders of operators: about replays, as every service takes them, and to forget a tenant."""
    return on_replays(service, on(ForgetRequested, partial(forget_as_ordered, service)))


def on_uploads(service: IngestService) -> MessageConsumer[Arrival]:
    """Objects that arrived in the landing zone."""
    return MessageConsumer(service, direct_uploads.read_arrival, partial(direct_uploads.accept_arrival, service))
