"""The routes: parse, call, respond; and the problem response for each error."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from importlib import import_module
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis.database import Connection
from chassis.http import CallerDep, HttpEntry, IdempotencyKey, Keep, ProblemError, create_api, documented, once
from chassis.observability import logger
from chat.bootstrap import ChatService
from chat.errors import (
    ConversationBusyError,
    ConversationEndedError,
    ModelRejectedError,
    ModelUnavailableError,
)
from chat.turn import Question, Reply, take_turn
from contracts.chat import ChatMessage
from retrieval.requests import FilteredRequest, filtered_request
from retrieval.results import SearchResult

_A_SESSION = "6f1d2c1e-4a54-4d5b-8c1c-0d8f0a3f7e21"


@filtered_request
class ChatRequest(FilteredRequest):
    """A message in a conversation; the client makes the session's id, and goes on by using it again."""

    model_config = ConfigDict(allow_inf_nan=False)

    message: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8000)] = Field(
        description="What the user says.", examples=["Which ramen places did I save?"]
    )
    session_id: str = Field(
        min_length=1,
        max_length=128,
        description="Any text; a UUID is best. In paths it is percent-encoded.",
        examples=[_A_SESSION],
    )
    top_k: int = Field(default=10, ge=1, le=50, description="Items a search may find.")
    min_similarity_score: float = Field(
        default=0.0, ge=0, le=1, description="Items less similar to the words of a search are not found."
    )


class ChatResponse(BaseModel):
    """The answer to a message."""

    model_config = ConfigDict(frozen=True)

    session_id: str = Field(description="As it was sent.", examples=[_A_SESSION])
    message: ChatMessage = Field(description="The answer.")
    conversation_turn: int = Field(ge=1, description="Turns of a session count 1, 2, …", examples=[1])
    search_results: list[SearchResult] | None = Field(default=None, description="What this turn's searches found.")
    agent_reasoning: list[str] | None = Field(default=None, description="What the model wrote before its answer.")
    tools_used: list[dict[str, Any]] | None = Field(
        default=None, description="Each call of a tool: its name, arguments and what came of it."
    )
    citations: list[str] | None = Field(
        default=None, description="Ids of the items that the answer rests on, of those that support it."
    )
    answer_confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How far the answer can be trusted: how well the best of the cited items matches, times the share"
        " of its citations that the cited items support.",
        examples=[0.8],
    )
    confident: bool | None = Field(
        default=None,
        description="Whether this turn's searches found what they asked for; false where nothing is near it, null where"
        " that cannot be told or nothing was searched for.",
        examples=[True],
    )
    response_time_ms: int = Field(ge=0, description="How long the turn took.", examples=[2150])


def http(service: ChatService) -> HttpEntry:
    """The entry point of the API."""
    # Every turn runs the agent. It is imported while the function starts, because a Lambda environment is snapshotted
    # with what is imported by then.
    for module in ("chat.agent", "chat.tracing", "chassis.voyage"):
        import_module(module)
    return HttpEntry(routes(service), service.database)


def routes(service: ChatService) -> APIGatewayHttpResolver:
    """The resolver of this service's routes."""
    api = create_api()

    @api.post(
        "/chat",
        summary="Ask about the collection, turn by turn",
        tags=["Chat"],
        responses=documented(
            (HTTPStatus.CONFLICT, "Another turn of the session is under way, or the session ended meanwhile"),
            (HTTPStatus.BAD_GATEWAY, "The language model gave no answer to this message"),
        ),
    )
    def chat(request: ChatRequest, caller: CallerDep, idempotency_key: IdempotencyKey = None) -> ChatResponse:
        """409 while another turn of the same session is under way; 503 when the model does not answer."""
        question = Question(
            tenant_id=caller.tenant_id,
            session_id=request.session_id,
            text=request.message,
            top_k=request.top_k,
            filters=request.filters,
            min_similarity=request.min_similarity_score,
            correlation_id=caller.correlation_id,
            traceparent=caller.traceparent,
            waited_s=caller.waited_s,
        )

        def respond(keep: Keep) -> ChatResponse:
            def keep_reply(connection: Connection, reply: Reply) -> None:
                keep(connection, _response(request, reply), subject=request.session_id)

            return _response(request, take_turn(service, question, keep_reply))

        with _problems():
            return once(service.database, caller, ChatResponse, respond)

    return api


def _response(request: ChatRequest, reply: Reply) -> ChatResponse:
    return ChatResponse(
        session_id=request.session_id,
        message=reply.message,
        conversation_turn=reply.turn,
        search_results=list(reply.results) or None,
        agent_reasoning=list(reply.reasoning) or None,
        tools_used=list(reply.tools_used) or None,
        citations=list(reply.citations),
        answer_confidence=reply.confidence,
        confident=reply.confident,
        response_time_ms=reply.response_time_ms,
    )


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except ConversationBusyError as error:
        raise ProblemError(
            HTTPStatus.CONFLICT, "conversation-busy", "the previous message of this session is still being answered"
        ) from error
    except ConversationEndedError as error:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "conversation-ended",
            "the session was deleted or taken over while this message was being answered; the answer is not stored",
        ) from error
    except ModelUnavailableError as error:
        logger.warning("model unavailable", extra={"error": str(error)})
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "model-unavailable",
            "the language model is unavailable; the message was not stored, send it again",
        ) from error
    except ModelRejectedError as error:
        logger.error("model rejected", extra={"error": str(error)})
        raise ProblemError(
            HTTPStatus.BAD_GATEWAY, "model-rejected", "the language model gave no answer to this message"
        ) from error
