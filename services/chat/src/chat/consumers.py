"""The queue's entry point: which event goes to which reaction. Projections follow by themselves."""

from functools import partial

from chassis.queue import EventConsumer, on
from chat import reactions
from chat.bootstrap import ChatService
from contracts.sessions import SessionDeleted, SessionExpired
from retrieval.projections import READ_MODEL


def on_events(service: ChatService) -> EventConsumer:
    """Descriptions, vectors and deletions of items, and the ends of conversations."""
    return EventConsumer(
        service,
        [
            *(on(contract) for contract in READ_MODEL.contracts),
            on(SessionDeleted, partial(reactions.end_deleted, service.checkpoints)),
            on(SessionExpired, partial(reactions.end_expired, service.checkpoints)),
        ],
    )
