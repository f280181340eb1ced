"""Events become tables: those of the collection the read model, a conversation's own `conversations`."""

from chassis.database import Connection
from chassis.projections import Projections
from chat.repository import conversations
from contracts import Event
from contracts.chat import TurnCompleted
from contracts.sessions import SessionDeleted, SessionExpired
from retrieval.projections import READ_MODEL


def turn_completed(connection: Connection, event: Event[TurnCompleted]) -> None:
    """The conversation has come to this turn."""
    conversations.turn_completed(connection, event.tenant_id, event.subject, turn=event.data.turn, at=event.time)


def session_deleted(connection: Connection, event: Event[SessionDeleted]) -> None:
    """What began before the deletion is over. No tombstone: the id may begin a new conversation."""
    conversations.deleted(connection, event.tenant_id, event.subject, at=event.time)


def session_expired(connection: Connection, event: Event[SessionExpired]) -> None:
    """The conversation is over, unless it has gone on since."""
    conversations.expired(connection, event.tenant_id, event.subject, last_turn_at=event.data.last_turn_at)


PROJECTIONS = Projections(
    {
        **READ_MODEL.folds,
        TurnCompleted: turn_completed,
        SessionDeleted: session_deleted,
        SessionExpired: session_expired,
    }
)
