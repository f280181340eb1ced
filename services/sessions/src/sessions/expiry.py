"""Conversations that end by themselves: idle for too long, or crowded out by newer ones.

Each ends in a unit of work of its own: what is to end is decided under the session's lock and recorded, and the fold of
that event does the rest. All functions raise `TransientError` when a store does not answer.
"""

from datetime import UTC, datetime
from typing import Any

from chassis.work import UnitOfWork
from contracts import Event, new_event
from contracts.chat import TurnCompleted
from contracts.sessions import CrowdedOut, Idle, SessionExpired
from sessions.bootstrap import SessionsService
from sessions.repository import conversations, lag, statistics
from sessions.repository.conversations import Conversation

_PAGE = 200


def expire_idle(service: SessionsService, tenant_id: str, session_id: str) -> bool:
    """End the conversation if it has been idle for too long; False when it is gone, or active again."""
    settings = service.settings
    with service.work.on(tenant_id, session_id) as work:
        conversation = conversations.running(work.connection, tenant_id, session_id)
        if conversation is None or conversation.last_activity > settings.active_since():
            return False
        _expire(work, conversation, Idle(kind="idle", after_s=settings.session_ttl_s))
    return True


def expire_superfluous(service: SessionsService, turn: Event[TurnCompleted]) -> None:
    """End the oldest conversations beyond the limit of the user whose turn it is: the turn caused that."""
    tenant_id, allowed = turn.tenant_id, service.settings.sessions_per_user
    with service.database.transaction() as connection:
        if turn.replay_id is None:
            lag.note(connection, completed_at=turn.time)
        candidates = conversations.superfluous(connection, tenant_id, allowed)
    for session_id in candidates:
        with service.work.on(tenant_id, session_id) as work:
            conversation = conversations.running(work.connection, tenant_id, session_id)
            # Looked for again under the lock: another may have ended, or this one may have gone on.
            if conversation and session_id in conversations.superfluous(work.connection, tenant_id, allowed):
                _expire(work, conversation, CrowdedOut(kind="crowded-out", allowed=allowed), turn)


def clean_up(service: SessionsService) -> dict[str, Any]:
    """End what has been idle for too long, of all tenants, and keep the count."""
    started_at = datetime.now(UTC)
    expired = 0
    while (datetime.now(UTC) - started_at).total_seconds() < service.settings.cleanup_budget_s:
        with service.database.transaction() as connection:
            candidates = conversations.idle_since(connection, service.settings.active_since(), _PAGE)
        expired += sum(expire_idle(service, tenant_id, session_id) for tenant_id, session_id in candidates)
        if len(candidates) < _PAGE:
            break
    finished_at = datetime.now(UTC)
    with service.database.transaction() as connection:
        statistics.note_cleanup(connection, started_at=started_at, finished_at=finished_at, expired=expired)
    return {"expired": expired, "seconds": round((finished_at - started_at).total_seconds(), 3)}


def _expire(
    work: UnitOfWork, conversation: Conversation, reason: Idle | CrowdedOut, turn: Event[TurnCompleted] | None = None
) -> None:
    expired = SessionExpired(cause=reason, last_turn_at=conversation.last_activity)
    work.record(new_event(expired, subject=work.subject, tenant_id=work.tenant_id, cause=turn))
