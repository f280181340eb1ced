"""Folds events into tables: the read model of the collection, and `conversations`."""

from chassis import erasure, idempotency
from chassis.database import Connection
from chassis.projections import Projections
from chat.repository import conversations
from contracts import Event
from contracts.chat import TurnCompleted
from contracts.sessions import SessionDeleted, SessionExpired
from retrieval.projections import READ_MODEL


def turn_completed(connection: Connection, event: Event[TurnCompleted]) -> None:
    """The conversation has reached this turn."""
    conversations.turn_completed(connection, event.tenant_id, event.subject, turn=event.data.turn, at=event.time)


def session_deleted(connection: Connection, event: Event[SessionDeleted]) -> None:
    """The conversation that began before the deletion has ended. No tombstone: the id may be reused."""
    conversations.deleted(connection, event.tenant_id, event.subject, at=event.time)
    erasure.erase_stream(connection, event.tenant_id, event.subject, until=event.time)
    idempotency.forget(connection, event.tenant_id, event.subject, until=event.time)


def session_expired(connection: Connection, event: Event[SessionExpired]) -> None:
    """The conversation has ended, unless it was continued since."""
    last_turn_at = event.data.last_turn_at
    conversations.expired(connection, event.tenant_id, event.subject, last_turn_at=last_turn_at)
    idempotency.forget(connection, event.tenant_id, event.subject, until=last_turn_at)


PROJECTIONS = Projections(
    {
        **READ_MODEL.folds,
        TurnCompleted: turn_completed,
        SessionDeleted: session_deleted,
        SessionExpired: session_expired,
    }
)
