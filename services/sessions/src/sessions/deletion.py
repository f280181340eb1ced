"""Conversations that their users delete."""

from datetime import UTC, datetime

from chassis.http import Caller
from contracts import new_event
from contracts.sessions import SessionDeleted
from sessions.bootstrap import SessionsService
from sessions.repository import conversations


def delete(service: SessionsService, caller: Caller, session_id: str) -> bool:
    """End the caller's conversation on request; False when there is none.

    Raises `TransientError` when a store does not answer.
    """
    with service.work.on(caller.tenant_id, session_id) as work:
        conversation = conversations.running(work.connection, caller.tenant_id, session_id)
        if conversation is None or conversation.last_activity <= service.settings.active_since():
            return False
        work.record(
            new_event(
                SessionDeleted(),
                subject=session_id,
                tenant_id=caller.tenant_id,
                cause=caller,
                time=max(datetime.now(UTC), conversation.last_activity),
            )
        )
    return True
