"""The routes of the service."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from chassis.http import CallerDep, HttpEntry, create_api, not_found
from sessions.bootstrap import service, table
from sessions.lifecycle import Lifecycle
from sessions.reading import Reading, SessionDeletion, SessionHistory, SessionList

lifecycle = Lifecycle(service, table)
reading = Reading(service, table)
api = create_api()


@api.get("/chat/sessions", summary="List conversations, the most recent first", tags=["Chat"])
def list_sessions(caller: CallerDep, limit: Annotated[int, Query(ge=1, le=100)] = 50) -> SessionList:
    """Conversations that have not expired."""
    return reading.list(caller.tenant_id, limit)


@api.get("/chat/<session_id>/history", summary="Read a conversation", tags=["Chat"])
def history(session_id: str, caller: CallerDep) -> SessionHistory:
    """All messages, oldest first; of a very long conversation the newest, as many as find room."""
    found = reading.history(caller.tenant_id, session_id)
    if found is None:
        raise not_found("session", session_id)
    return found


@api.delete("/chat/<session_id>", summary="Delete a conversation", tags=["Chat"])
def delete_conversation(session_id: str, caller: CallerDep) -> SessionDeletion:
    """The messages, and what the agent remembers of them."""
    return _delete(session_id, caller)


@api.delete("/chat/sessions/<session_id>", summary="Delete a conversation", tags=["Chat"])
def delete_session(session_id: str, caller: CallerDep) -> SessionDeletion:
    """The same under the list's path."""
    return _delete(session_id, caller)


def _delete(session_id: str, caller: CallerDep) -> SessionDeletion:
    if not lifecycle.delete(
        caller.tenant_id, session_id, correlation_id=caller.correlation_id, traceparent=caller.traceparent
    ):
        raise not_found("session", session_id)
    return SessionDeletion(session_id=session_id)


http = HttpEntry(api)
