"""The queue consumer: routes events to reactions. Projections are folded automatically."""

from functools import partial

from chassis.queue import EventConsumer, forgets, on
from chat import quoting, reactions
from chat.bootstrap import ChatService
from contracts.ingest import ItemDeleted
from contracts.sessions import SessionDeleted, SessionExpired
from retrieval.projections import READ_MODEL


def on_events(service: ChatService) -> EventConsumer:
    """Consume the events that the read model is folded from, and ends of sessions."""
    return EventConsumer(
        service,
        [
            *(on(contract) for contract in READ_MODEL.contracts if contract is not ItemDeleted),
            # The deletion first: a turn that is completed meanwhile finds it.
            on(ItemDeleted, partial(quoting.erase_quotes, service), fold_first=True),
            on(SessionDeleted, partial(reactions.end_deleted, service.checkpoints)),
            on(SessionExpired, partial(reactions.end_expired, service.checkpoints)),
            forgets(service),
        ],
    )
