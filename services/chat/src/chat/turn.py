"""One turn of a conversation, from the question to the recorded event.

The conversation is leased to the turn (a short transaction), the agent works (no transaction), and one transaction
records `turn-completed` and makes the turn's checkpoint the current one. A failure before that leaves the conversation
unchanged, so the same message can be sent again.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chassis.database import Connection
from chassis.errors import TenantForgottenError
from chassis.observability import MetricUnit, logger, metrics
from chat.bootstrap import ChatService
from chat.checkpoints import thread_id
from chat.errors import ConversationEndedError
from chat.quoting import erase_if_deleted
from chat.repository import agent_memory, quotations
from chat.repository.agent_memory import ConversationState
from chat.results import search_results
from chat.turn_context import TurnContext
from contracts import new_event
from contracts.chat import ChatMessage, TurnCompleted
from retrieval import Filters
from retrieval.citations import checked
from retrieval.results import SearchResult

if TYPE_CHECKING:
    from chat.agent import Agent, Answered, Memory

#: A lease outlasts the turn by this: the function times out shortly after the gateway.
_LEASE_MARGIN_S = 5
#: As many results as a client can ask for.
_MAX_RESULTS = 50


@dataclass(frozen=True, slots=True)
class Question:
    """The caller's question."""

    tenant_id: str
    session_id: str
    text: str
    top_k: int
    filters: Filters
    min_similarity: float
    correlation_id: str
    traceparent: str
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """The response to the caller."""

    turn: int
    message: ChatMessage
    results: tuple[SearchResult, ...]
    reasoning: tuple[str, ...]
    tools_used: tuple[dict[str, Any], ...]
    response_time_ms: int
    citations: tuple[str, ...]
    confidence: float
    confident: bool | None


def take_turn(service: ChatService, question: Question, keep: Callable[[Connection, Reply], None]) -> Reply:
    """Answer the question as the next turn of its conversation; `keep` is called in the transaction that records it.

    Raises:
        ConversationBusyError: a turn of this conversation is in progress.
        ConversationEndedError: it was deleted, or the lease ran out, meanwhile.
        ModelUnavailableError: the provider does not respond in time.
        ModelRejectedError: it rejects the request.
        TransientError: a store is unavailable.
    """
    from chat.tracing import traced_turn

    asked_at, started = datetime.now(UTC), time.monotonic()
    seconds = service.settings.turn_budget_s
    lease = secrets.token_hex(8)
    keys = (question.tenant_id, question.session_id)
    with service.work.on(*keys) as work:
        state = agent_memory.claim(work.connection, *keys, lease, seconds=seconds + _LEASE_MARGIN_S)
    try:
        agent = service.agent
        memory = _recall(service, agent, question, state)
        context = TurnContext(
            tenant_id=question.tenant_id,
            # Counted from when the gateway accepted it: an answer after its 30 s would be recorded but never delivered.
            deadline=started + seconds - question.waited_s,
            question=question.text,
            top_k=question.top_k,
            filters=question.filters,
            min_similarity=question.min_similarity,
        )
        with traced_turn(service.langsmith) as callbacks:
            answered = agent.answer(question.text, context, thread=thread_id(*keys), memory=memory, callbacks=callbacks)
        turn = state.turns + 1 if memory or state.is_blank else 1
        reply, completed = _outcome(service, question, turn, answered, context, asked_at, started)
        shown = sorted({hit.item_id for hit in context.hits})
        _complete(service, question, lease, answered, completed, shown, lambda connection: keep(connection, reply))
    except BaseException:
        # On any error: the next message need not wait for the lease to expire.
        with suppress(TenantForgottenError), service.work.on(*keys) as work:
            agent_memory.release(work.connection, *keys, lease)
        raise
    metrics.add_metric("TurnDuration", MetricUnit.Milliseconds, reply.response_time_ms)
    return reply


def _recall(service: ChatService, agent: "Agent", question: Question, state: ConversationState) -> "Memory | None":
    """The memory to continue from; None, with an empty thread, where the conversation begins (again).

    DynamoDB keeps expired items for a while, so the checkpoint's own time decides.
    """
    thread = thread_id(question.tenant_id, question.session_id)
    memory = agent.recall(thread, state.checkpoint_id) if state.checkpoint_id else None
    lifetime = timedelta(seconds=service.settings.session_ttl_s)
    if memory is not None and memory.saved_at + lifetime > datetime.now(UTC):
        return memory
    service.checkpoints.delete(thread)
    return None


def _outcome(
    service: ChatService,
    question: Question,
    turn: int,
    answered: "Answered",
    context: TurnContext,
    asked_at: datetime,
    started: float,
) -> tuple[Reply, TurnCompleted]:
    """The response to the caller, and the event to record."""
    settings = service.settings
    results = tuple(search_results(context.hits, _MAX_RESULTS))
    given = checked(answered.text, context.hits)
    if given.dropped:
        logger.info("citations dropped", extra={"dropped": given.dropped, "kept": len(given.citations)})
        metrics.add_metric("CitationsDropped", MetricUnit.Count, given.dropped)
    took_ms = round((time.monotonic() - started) * 1000)
    tools_used = tuple(context.tools_used)
    message = ChatMessage(
        role="assistant",
        content=given.text,
        timestamp=datetime.now(UTC),
        search_results=tuple(result.model_dump(mode="json") for result in results) or None,
        tools_used=tools_used or None,
    )
    cost = (
        answered.input_tokens * settings.chat_input_price + answered.output_tokens * settings.chat_output_price
    ) / 1_000_000
    completed = TurnCompleted(
        turn=turn,
        question=ChatMessage(role="user", content=question.text, timestamp=asked_at),
        answer=message,
        tools_used=tuple(use["name"] for use in tools_used),
        citations=given.citations,
        model=settings.chat_model,
        input_tokens=answered.input_tokens,
        output_tokens=answered.output_tokens,
        cost_usd=round(cost, 6),
        response_time_ms=took_ms,
    )
    reply = Reply(
        turn,
        message,
        results,
        answered.reasoning,
        tools_used,
        took_ms,
        citations=given.citations,
        confidence=given.confidence,
        confident=context.confident,
    )
    return reply, completed


def _complete(
    service: ChatService,
    question: Question,
    lease: str,
    answered: "Answered",
    completed: TurnCompleted,
    shown: Iterable[str],
    keep: Callable[[Connection], None],
) -> None:
    """Make the turn's checkpoint the current one, and record the turn.

    Raises:
        ConversationEndedError: the lease is gone.
    """
    keys = (question.tenant_id, question.session_id)
    event = new_event(
        completed,
        subject=question.session_id,
        tenant_id=question.tenant_id,
        cause=question,
        time=completed.answer.timestamp,
    )
    try:
        with service.work.on(*keys) as work:
            agent_memory.complete(work.connection, *keys, lease, checkpoint_id=answered.checkpoint_id)
            work.record(event)
            keep(work.connection)
            # Whatever the model was shown: more than the results that the event carries, where tools listed much.
            quoted = tuple(dict.fromkeys((*completed.quoted(), *shown)))
            quotations.add(work.connection, *keys, quoted, at=event.time)
            erase_if_deleted(work, service.checkpoints, quoted, event)
    except (ConversationEndedError, TenantForgottenError):
        # What the user deleted meanwhile must not stay in an unused checkpoint.
        service.checkpoints.delete(thread_id(*keys), answered.checkpoint_id)
        raise
