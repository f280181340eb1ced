"""The routes: parse, call, answer."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from chassis.http import Caller, CallerDep, HttpEntry, ProblemError, create_api, documented, not_found, wait_for
from sessions import deletion, queries
from sessions.bootstrap import SessionsService
from sessions.cursors import MAX_CHARACTERS, Cursor
from sessions.queries import SessionDeletion, SessionHistory, SessionList
from sessions.repository import lag

_NO_SESSION = (HTTPStatus.NOT_FOUND, "The caller has no such conversation")


def http(service: SessionsService) -> HttpEntry:
    """The entry point of the API."""
    return HttpEntry(routes(service), service.database)


def routes(service: SessionsService) -> APIGatewayHttpResolver:
    """The resolver of this service's routes."""
    api = create_api(with_slashes=frozenset({"session_id"}))

    @api.get(
        "/chat/sessions",
        summary="List conversations, the most recent first",
        tags=["Chat"],
        responses=documented((HTTPStatus.BAD_REQUEST, "The cursor was not issued to the caller")),
    )
    def list_sessions(
        caller: CallerDep,
        limit: Annotated[int, Query(ge=1, le=100, description="Conversations on a page.")] = 50,
        cursor: Annotated[
            str | None,
            Query(
                description="`next_cursor` of the page before.",
                examples=["WyI1YzYwNjQ3"],
                json_schema_extra={"maxLength": MAX_CHARACTERS},
            ),
        ] = None,
    ) -> SessionList:
        """Conversations that have not expired. One that goes on while pages are read moves to the first."""
        after = Cursor.decode(cursor, caller.tenant_id) if cursor is not None else None
        return queries.list_sessions(service, caller.tenant_id, limit, after)

    @api.get(
        "/chat/<session_id>/history", summary="Read a conversation", tags=["Chat"], responses=documented(_NO_SESSION)
    )
    def history(session_id: str, caller: CallerDep) -> SessionHistory:
        """All messages, oldest first; of a very long conversation the newest, as many as find room."""
        found = wait_for(lambda: queries.history(service, caller.tenant_id, session_id), service.settings.turn_wait_s)
        if found is None:
            raise _unknown(service, session_id)
        return found

    @api.delete(
        "/chat/sessions/<session_id>", summary="Delete a conversation", tags=["Chat"], responses=documented(_NO_SESSION)
    )
    def delete_session(session_id: str, caller: CallerDep) -> SessionDeletion:
        """The messages, and what the agent remembers of them."""
        return _delete(service, caller, session_id)

    @api.delete("/chat/<session_id>", summary="Delete a conversation", tags=["Chat"], responses=documented(_NO_SESSION))
    def delete_conversation(session_id: str, caller: CallerDep) -> SessionDeletion:
        """The same under the chat's path."""
        return _delete(service, caller, session_id)

    return api


def _delete(service: SessionsService, caller: Caller, session_id: str) -> SessionDeletion:
    if not wait_for(lambda: deletion.delete(service, caller, session_id) or None, service.settings.turn_wait_s):
        raise _unknown(service, session_id)
    return SessionDeletion(session_id=session_id)


def _unknown(service: SessionsService, session_id: str) -> ProblemError:
    """404; 503 while turns arrive later than the caller has waited, or wait and none arrives: it may be one of theirs.

    On a busy day some turn is always in the queue. While others arrive meanwhile, what waits there is no reason.
    """
    settings = service.settings
    with service.database.transaction() as connection:
        is_late = lag.seconds(connection) > settings.turn_late_s
        is_moving = lag.heard_within(connection, settings.turn_wait_s)
    if not is_late and (is_moving or not service.waiting_turns()):
        return not_found("session", session_id)
    detail = "turns arrive late at the moment, and this session may be among them; try again"
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "turns-arrive-late", detail)
