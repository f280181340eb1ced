"""Events become conversations: `turns` and `conversations` in Postgres decide, the table in DynamoDB is what is read.

The folds read the service's own ends (`session-deleted`, `session-expired`) beside `turn-completed`; whatever their
order, the same events leave the same rows and items. An id may be used again after an end, so an end is no deletion of
its subject for good: it sets the moment up to which turns are over.

A session's lock (and transaction) is held while its items in DynamoDB change: a few calls of milliseconds, bounded by
the client's time-outs. That keeps the table the image of the rows without versions in every item. The table is written
first and the transaction committed after it: after a failure in between the same writes are repeated.
"""

from dataclasses import dataclass
from datetime import datetime

from chassis.database import Connection
from chassis.projections import Projections
from contracts import Contract, Event
from contracts.chat import TurnCompleted, TurnsErased
from contracts.erasure import erased_copy
from contracts.sessions import SessionDeleted, SessionExpired
from sessions.repository import conversations, erased_turns
from sessions.repository.conversations import Conversation
from sessions.settings import SessionsSettings
from sessions.table import SessionTable


def projections(table: SessionTable, settings: SessionsSettings) -> Projections:
    """The folds over the service's schema and the given table. They raise TransientError when it does not answer."""
    folds = _Folds(table, settings)
    return Projections(
        {
            TurnCompleted: folds.turn_completed,
            TurnsErased: folds.turns_erased,
            SessionDeleted: folds.session_deleted,
            SessionExpired: folds.session_expired,
        }
    )


@dataclass(frozen=True, slots=True)
class _Folds:
    table: SessionTable
    settings: SessionsSettings

    def turn_completed(self, connection: Connection, event: Event[TurnCompleted]) -> None:
        """The turn belongs to a conversation, may yet belong to one when an earlier turn arrives, or is over."""
        tenant_id, session_id, at = event.tenant_id, event.subject, event.time
        before = conversations.running(connection, tenant_id, session_id)
        waiting = before is None and bool(conversations.turns(connection, tenant_id, session_id))
        if not conversations.add_turn(
            connection, tenant_id, session_id, at=at, turn=event.data.turn, asked_at=event.data.question.timestamp
        ):
            return
        conversation = conversations.settle(connection, tenant_id, session_id)
        if conversation is None or at >= conversation.opened_at:
            is_erased = erased_turns.contains(connection, tenant_id, session_id, at=at, turn=event.data.turn)
            said = erased_copy(event.data) if is_erased else event.data
            self.table.put_turn(tenant_id, session_id, said, at=at, lifetime_s=self._turn_lifetime_s(conversation))
        if conversation is not None:
            self._put_conversation(event, conversation)
            if waiting or (before is not None and before.opened_at < conversation.opened_at):
                self._align(connection, event, conversation)

    def turns_erased(self, connection: Connection, event: Event[TurnsErased]) -> None:
        """What these turns say is gone; those that arrive later find the marks."""
        erased_turns.add(connection, event.tenant_id, event.subject, event.data.turns)
        for each in event.data.turns:
            self.table.erase_turn(event.tenant_id, event.subject, at=each.completed_at, turn=each.turn)

    def session_deleted(self, connection: Connection, event: Event[SessionDeleted]) -> None:
        """Turns up to the deletion are over, and only a first turn begins another conversation."""
        self._end(connection, event, at=event.time, deleted=True)

    def session_expired(self, connection: Connection, event: Event[SessionExpired]) -> None:
        """Turns up to the last one known at the expiry are over."""
        self._end(connection, event, at=event.data.last_turn_at, deleted=False)

    def _end(self, connection: Connection, event: Event[Contract], *, at: datetime, deleted: bool) -> None:
        conversations.end(connection, event.tenant_id, event.subject, at=at, deleted=deleted)
        conversation = conversations.settle(connection, event.tenant_id, event.subject)
        if conversation is not None:
            self._put_conversation(event, conversation)
        self._align(connection, event, conversation)

    def _put_conversation(self, event: Event[Contract], conversation: Conversation) -> None:
        lifetime_s = self.settings.session_ttl_s
        self.table.put_conversation(event.tenant_id, event.subject, conversation, lifetime_s=lifetime_s)

    def _align(self, connection: Connection, event: Event[Contract], conversation: Conversation | None) -> None:
        """What was known before the event: what no longer counts goes, and the other turns get their lifetimes."""
        self.table.keep(
            event.tenant_id,
            event.subject,
            conversations.turns(connection, event.tenant_id, event.subject),
            runs=conversation is not None,
            lifetime_s=self._turn_lifetime_s(conversation),
        )

    def _turn_lifetime_s(self, conversation: Conversation | None) -> int:
        """A turn without a conversation waits for an earlier one, which is on its way or never comes."""
        return self.settings.session_ttl_s if conversation is None else self.settings.turn_retention_s
