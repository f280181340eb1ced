"""What the HTTP routes answer: the list of conversations and the history of one."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from chassis.service import Service
from contracts.chat import ChatMessage
from sessions import ledger
from sessions.config import SessionsSettings
from sessions.table import SessionTable


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class SessionSummary(_Answer):
    """A conversation in the list."""

    session_id: str
    created_at: datetime
    last_activity: datetime
    message_count: int


class SessionHistory(SessionSummary):
    """A conversation with its messages, oldest first."""

    messages: list[ChatMessage]


class SessionCleanup(_Answer):
    """The latest hourly clean-up: `expired` counts the caller's own conversations that it ended."""

    finished_at: datetime
    expired: int


class SessionStats(_Answer):
    """All running conversations of the caller, listed or not."""

    active_sessions: int
    total_messages: int
    max_sessions: int
    session_ttl_seconds: int
    last_cleanup: SessionCleanup | None = Field(description="Null before the first.")


class SessionList(_Answer):
    """The most recent conversations first."""

    sessions: list[SessionSummary]
    stats: SessionStats


class SessionDeletion(_Answer):
    """The conversation is gone."""

    status: str = "deleted"
    session_id: str


@dataclass(frozen=True)
class Reading:
    """Queries over the stores. Raise TransientError when one does not answer."""

    service: Service[SessionsSettings]
    table: SessionTable

    def history(self, tenant_id: str, session_id: str) -> SessionHistory | None:
        """The conversation; None when the tenant has none of that id."""
        found = self.table.history(tenant_id, session_id, active_since=self._active_since())
        if found is None:
            return None
        summary = found.summary
        return SessionHistory(
            session_id=summary.session_id,
            created_at=summary.created_at,
            last_activity=summary.last_activity,
            message_count=summary.message_count,
            messages=list(found.messages),
        )

    def list(self, tenant_id: str, limit: int) -> SessionList:
        """The latest conversations, and figures over all of them."""
        since = self._active_since()
        settings = self.service.settings
        with self.service.database.transaction() as connection:
            totals = ledger.totals(connection, tenant_id, since=since)
            cleanup = ledger.last_cleanup(connection, tenant_id)
        return SessionList(
            sessions=[
                SessionSummary(
                    session_id=summary.session_id,
                    created_at=summary.created_at,
                    last_activity=summary.last_activity,
                    message_count=summary.message_count,
                )
                for summary in self.table.latest(tenant_id, active_since=since, limit=limit)
            ],
            stats=SessionStats(
                active_sessions=totals.sessions,
                total_messages=totals.messages,
                max_sessions=settings.sessions_per_user,
                session_ttl_seconds=settings.session_ttl_s,
                last_cleanup=SessionCleanup(finished_at=cleanup.finished_at, expired=cleanup.expired)
                if cleanup
                else None,
            ),
        )

    def _active_since(self) -> datetime:
        return datetime.now(UTC) - self.service.settings.session_ttl
