"""What happens to conversations: a turn is added, one is deleted, one expires, the hourly clean-up.

A session's lock (and transaction) is held while its items in DynamoDB change: a few calls of milliseconds, bounded by
the client's time-outs. That keeps the table the image of the ledger without versions in every item. The table is
written first and the transaction committed after it: whoever fails in between does the same writes again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from chassis.service import Service
from chassis.work import UnitOfWork
from contracts import Event, new_event
from contracts.chat import TurnCompleted
from contracts.sessions import CrowdedOut, Idle, SessionDeleted, SessionExpired
from sessions import ledger
from sessions.config import SessionsSettings
from sessions.table import SessionTable

_PAGE = 200


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Lifecycle:
    """The handlers, given what they need. Raise TransientError when a store does not answer."""

    service: Service[SessionsSettings]
    table: SessionTable
    now: Callable[[], datetime] = _now

    def add_turn(self, event: Event[TurnCompleted]) -> None:
        """Add a completed turn; the user's oldest conversations beyond the limit end."""
        settings = self.service.settings
        tenant_id, session_id, at = event.tenant_id, event.subject, event.time
        with self.service.work.applying(event) as work:
            before = ledger.running(work.connection, tenant_id, session_id)
            if not ledger.note_turn(
                work.connection,
                tenant_id,
                session_id,
                at=at,
                turn=event.data.turn,
                asked_at=event.data.question.timestamp,
            ):
                return
            conversation = ledger.settle(work.connection, tenant_id, session_id)
            if conversation is None or at >= conversation.opened_at:
                # One without a conversation may find it when an earlier turn, still on its way, arrives.
                retention = settings.turn_retention_s if conversation else settings.session_ttl_s
                self.table.put_turn(tenant_id, session_id, event.data, at=at, lifetime_s=retention)
            if conversation is not None:
                self.table.put_conversation(tenant_id, session_id, conversation, lifetime_s=settings.session_ttl_s)
                if before is not None and before.opened_at < conversation.opened_at:
                    self.table.remove(tenant_id, session_id, turns_before=conversation.opened_at)
        self._enforce_limit(tenant_id)

    def delete(self, tenant_id: str, session_id: str, *, correlation_id: str, traceparent: str) -> bool:
        """End the conversation as its user wishes; False when there is none."""
        with self.service.work.on(tenant_id, session_id) as work:
            conversation = ledger.running(work.connection, tenant_id, session_id)
            if conversation is None or conversation.last_activity <= self._active_since():
                return False
            at = max(self.now(), conversation.last_activity)
            self._end(work, at=at, deleted=True)
            work.record(
                new_event(
                    SessionDeleted(),
                    subject=session_id,
                    tenant_id=tenant_id,
                    correlation_id=correlation_id,
                    traceparent=traceparent,
                    time=at,
                )
            )
        return True

    def expire(self, tenant_id: str, session_id: str, reason: Literal["idle", "limit"]) -> bool:
        """End the conversation by itself; False when it is gone, or active again."""
        with self.service.work.on(tenant_id, session_id) as work:
            conversation = ledger.running(work.connection, tenant_id, session_id)
            if conversation is None:
                return False
            if reason == "idle" and conversation.last_activity > self._active_since():
                return False
            if reason == "limit" and session_id not in self._superfluous(work, tenant_id):
                return False
            self._end(work, at=conversation.last_activity, deleted=False)
            expired = SessionExpired(cause=self._cause(reason), last_turn_at=conversation.last_activity)
            work.record(new_event(expired, subject=session_id, tenant_id=tenant_id, time=self.now()))
        return True

    def clean_up(self) -> dict[str, Any]:
        """End what has been idle for too long, of all tenants, and keep the count."""
        started_at = self.now()
        expired = 0
        while (self.now() - started_at).total_seconds() < self.service.settings.cleanup_seconds:
            with self.service.database.transaction() as connection:
                candidates = ledger.idle(connection, self._active_since(), _PAGE)
            expired += sum(self.expire(tenant_id, session_id, "idle") for tenant_id, session_id in candidates)
            if len(candidates) < _PAGE:
                break
        finished_at = self.now()
        with self.service.database.transaction() as connection:
            ledger.note_cleanup(connection, started_at=started_at, finished_at=finished_at, expired=expired)
        return {"expired": expired, "seconds": round((finished_at - started_at).total_seconds(), 3)}

    def _enforce_limit(self, tenant_id: str) -> None:
        with self.service.database.transaction() as connection:
            superfluous = ledger.beyond(connection, tenant_id, self.service.settings.sessions_per_user)
        for session_id in superfluous:
            self.expire(tenant_id, session_id, "limit")

    def _cause(self, reason: Literal["idle", "limit"]) -> Idle | CrowdedOut:
        settings = self.service.settings
        if reason == "idle":
            return Idle(kind="idle", after_s=settings.session_ttl_s)
        return CrowdedOut(kind="crowded-out", allowed=settings.sessions_per_user)

    def _superfluous(self, work: UnitOfWork, tenant_id: str) -> list[str]:
        return ledger.beyond(work.connection, tenant_id, self.service.settings.sessions_per_user)

    def _end(self, work: UnitOfWork, *, at: datetime, deleted: bool) -> None:
        ledger.end(work.connection, work.tenant_id, work.subject, at=at, deleted=deleted)
        self.table.remove(work.tenant_id, work.subject)

    def _active_since(self) -> datetime:
        return self.now() - self.service.settings.session_ttl
