"""What the HTTP routes answer: the list of conversations and the history of one."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.chat import ChatMessage
from sessions.bootstrap import SessionsService
from sessions.cursors import Cursor
from sessions.repository import statistics
from sessions.table import Summary

_A_SESSION = "6f1d2c1e-4a54-4d5b-8c1c-0d8f0a3f7e21"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class SessionSummary(_Answer):
    """A conversation in the list."""

    session_id: str = Field(description="The client's own id of it.", examples=[_A_SESSION])
    created_at: datetime = Field(description="When its first turn was.", examples=["2026-11-30T09:15:00Z"])
    last_activity: datetime = Field(description="When its last turn was.", examples=["2026-11-30T09:45:00Z"])
    message_count: int = Field(ge=0, description="Messages of both sides.", examples=[8])


class SessionHistory(SessionSummary):
    """A conversation with its messages, oldest first."""

    messages: list[ChatMessage] = Field(description="Oldest first.")


class SessionCleanup(_Answer):
    """The latest hourly clean-up: `expired` counts the caller's own conversations that it ended."""

    finished_at: datetime = Field(description="When it ended.", examples=["2026-11-30T09:00:04Z"])
    expired: int = Field(ge=0, description="The caller's conversations that it ended.", examples=[2])


class SessionStats(_Answer):
    """All running conversations of the caller, listed or not."""

    active_sessions: int = Field(ge=0, description="Conversations that have not expired.", examples=[3])
    total_messages: int = Field(ge=0, description="Messages in them.", examples=[24])
    max_sessions: int = Field(ge=1, description="As many a user may have.", examples=[100])
    session_ttl_seconds: int = Field(ge=1, description="How long one lasts after its last turn.", examples=[14400])
    last_cleanup: SessionCleanup | None = Field(description="Null before the first.")


class SessionList(_Answer):
    """The most recent conversations first."""

    sessions: list[SessionSummary] = Field(description="Of this page.")
    next_cursor: str | None = Field(
        description="Give it as `cursor` to get the next page; null on the last.", examples=["WyI1YzYwNjQ3"]
    )
    stats: SessionStats = Field(description="Figures over all of them.")


class SessionDeletion(_Answer):
    """The conversation is gone."""

    status: Literal["deleted"] = Field(default="deleted", description="Always this.")
    session_id: str = Field(description="The client's own id of it.", examples=[_A_SESSION])


def history(service: SessionsService, tenant_id: str, session_id: str) -> SessionHistory | None:
    """The conversation; None when the tenant has none of that id. Raises `TransientError` when a store is silent."""
    found = service.table.history(tenant_id, session_id, active_since=service.settings.active_since())
    if found is None:
        return None
    return SessionHistory(**_summary(found.summary).model_dump(), messages=list(found.messages))


def list_sessions(service: SessionsService, tenant_id: str, limit: int, after: Cursor | None) -> SessionList:
    """A page of conversations, and figures over all of them. Raises `TransientError` when a store is silent."""
    settings = service.settings
    since = settings.active_since()
    with service.database.transaction() as connection:
        totals = statistics.totals(connection, tenant_id, since=since)
        cleanup = statistics.last_cleanup(connection, tenant_id)
    # One more than asked for shows whether a next page exists.
    latest = service.table.latest(tenant_id, active_since=since, limit=limit + 1, after=after)
    page = latest[:limit]
    last = Cursor(page[-1].last_activity, page[-1].session_id) if len(latest) > limit else None
    return SessionList(
        sessions=[_summary(summary) for summary in page],
        next_cursor=last.encode(tenant_id) if last else None,
        stats=SessionStats(
            active_sessions=totals.sessions,
            total_messages=totals.messages,
            max_sessions=settings.sessions_per_user,
            session_ttl_seconds=settings.session_ttl_s,
            last_cleanup=SessionCleanup(finished_at=cleanup.finished_at, expired=cleanup.expired) if cleanup else None,
        ),
    )


def _summary(summary: Summary) -> SessionSummary:
    return SessionSummary(
        session_id=summary.session_id,
        created_at=summary.created_at,
        last_activity=summary.last_activity,
        message_count=summary.message_count,
    )
