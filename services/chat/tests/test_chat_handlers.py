"""Every entry point of chat in memory: turns and their problems, ends of conversations, and the read model's events."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from psycopg import Connection as AnyConnection

import retrieval
from chassis.aws import Aws
from chassis.database import Connection, Database
from chassis.errors import TransientError
from chassis.http import HttpEntry
from chassis.queue import EventConsumer
from chat import agent as agent_module
from chat.agent import Agent, Answered, Memory
from chat.bootstrap import ChatService, bootstrap
from chat.checkpoints import CheckpointTable
from chat.errors import (
    ConversationBusyError,
    ConversationEndedError,
    ModelRejectedError,
    ModelUnavailableError,
)
from chat.handler import ENTRY_POINTS
from chat.repository import agent_memory, conversations, quotations
from chat.repository.agent_memory import ConversationState
from chat.settings import ChatSettings
from chat.turn_context import TurnContext
from contracts import Contract, Event, ReplayKind, replayed
from contracts.analysis import ItemAnalyzed
from contracts.chat import ChatMessage, ErasedTurn, TurnCompleted, TurnsErased
from contracts.embedding import ItemEmbedded
from contracts.imaging import ImageProcessed
from contracts.ingest import ItemDeleted
from contracts.sessions import CrowdedOut, SessionDeleted, SessionExpired
from retrieval import AnalyzedItem, Filters, Hit, InvalidVectorError, Outcome, PassageVector, Picture, ScoreType
from retrieval import projections as read_model
from testkit import Answer, Fakes, LogLines, Measured, call, deliver, envelope
from testkit.contract_tests.examples import published_version_cases
from testkit.fakes import SETTINGS, TRACED, example, requested
from testkit.forgetting import assert_forgets, forgotten
from testkit.invoking import CONTEXT, http_event
from testkit.replaying import assert_replays
from workspace import REPOSITORY

ALICE, BOB = "alice", "bob"
SESSION, OTHER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
THREAD = f"{ALICE}#{SESSION}"
ANSWER = Answered("In Kyoto [ramen-1].", ("Let me look.",), "checkpoint-1", 1000, 100)
HIT = Hit(
    item_id="ramen-1",
    rank=1,
    score=0.5,
    score_type=ScoreType.SIMILARITY,
    bm25=None,
    similarity=0.9,
    category="Food",
    headline="Ramen",
    summary="A bowl.",
    filename="ramen-1.png",
    original_filename="IMG.png",
    analysis_id="analysis-1",
    analysis_version=1,
    description={},
    body="Ramen in Kyoto",
)

Key = tuple[str, str]


@dataclass
class Conversations:
    """Of `chat.repository.conversations`: time and number of the latest turn."""

    rows: dict[Key, tuple[datetime, int]] = field(default_factory=dict)

    def turn_completed(
        self, connection: Connection, tenant_id: str, session_id: str, *, turn: int, at: datetime
    ) -> None:
        self.rows[tenant_id, session_id] = at, turn

    def deleted(self, connection: Connection, tenant_id: str, session_id: str, *, at: datetime) -> None:
        self._end(tenant_id, session_id, at)

    def expired(self, connection: Connection, tenant_id: str, session_id: str, *, last_turn_at: datetime) -> None:
        self._end(tenant_id, session_id, last_turn_at)

    def completed_turns(self, connection: Connection, tenant_id: str, session_id: str) -> int:
        return self.rows.get((tenant_id, session_id), (None, 0))[1]

    def _end(self, tenant_id: str, session_id: str, at: datetime) -> None:
        if (tenant_id, session_id) in self.rows and self.rows[tenant_id, session_id][0] <= at:
            del self.rows[tenant_id, session_id]


@dataclass
class AgentMemory:
    """Of `chat.repository.agent_memory`: checkpoint and lease. `leased_s` are the lengths of the leases, in seconds."""

    conversations: Conversations
    rows: dict[Key, tuple[str | None, str | None]] = field(default_factory=dict)
    blanked: set[Key] = field(default_factory=set)
    leased_s: list[float] = field(default_factory=list)

    def claim(
        self, connection: Connection, tenant_id: str, session_id: str, lease: str, *, seconds: float
    ) -> ConversationState:
        checkpoint, held = self.rows.get((tenant_id, session_id), (None, None))
        if held:
            raise ConversationBusyError(session_id)
        self.rows[tenant_id, session_id] = checkpoint, lease
        self.leased_s.append(seconds)
        turns = self.conversations.completed_turns(connection, tenant_id, session_id)
        is_blank = bool(turns) and (tenant_id, session_id) in self.blanked
        return ConversationState(turns, checkpoint if turns else None, is_blank)

    def complete(
        self, connection: Connection, tenant_id: str, session_id: str, lease: str, *, checkpoint_id: str
    ) -> None:
        if self.rows.get((tenant_id, session_id), (None, None))[1] != lease:
            raise ConversationEndedError(session_id)
        self.rows[tenant_id, session_id] = checkpoint_id, None
        self.blanked -= {(tenant_id, session_id)}

    def blank(self, connection: Connection, tenant_id: str, session_id: str) -> None:
        if (tenant_id, session_id) in self.rows:
            self.rows[tenant_id, session_id] = None, None
            self.blanked |= {(tenant_id, session_id)}

    def ids(self, connection: Connection, tenant_id: str) -> list[str]:
        return [session for tenant, session in {*self.rows, *self.conversations.rows} if tenant == tenant_id]

    def release(self, connection: Connection, tenant_id: str, session_id: str, lease: str) -> None:
        checkpoint, held = self.rows.get((tenant_id, session_id), (None, None))
        if held == lease:
            self.rows[tenant_id, session_id] = checkpoint, None

    def delete(self, connection: Connection, tenant_id: str, session_id: str, *, spare_leased: bool = False) -> bool:
        _, held = self.rows.get((tenant_id, session_id), (None, None))
        return not (spare_leased and held) and self.rows.pop((tenant_id, session_id), None) is not None


@dataclass
class Quotations:
    """Of `chat.repository.quotations`."""

    read_model: ReadModel
    rows: dict[tuple[str, str, str], datetime] = field(default_factory=dict)

    def add(
        self, connection: Connection, tenant_id: str, session_id: str, item_ids: Sequence[str], *, at: datetime
    ) -> None:
        for item_id in item_ids:
            self.rows.setdefault((tenant_id, item_id, session_id), at)

    def of_item(self, connection: Connection, tenant_id: str, item_id: str) -> list[str]:
        return [session for tenant, item, session in self.rows if (tenant, item) == (tenant_id, item_id)]

    def of_deleted_items(
        self, connection: Connection, tenant_id: str, session_id: str, item_ids: Sequence[str]
    ) -> datetime | None:
        deleted = [item for tenant, item in self.read_model.deleted if tenant == tenant_id and item in item_ids]
        return min(
            (at for key, at in self.rows.items() if key in self._keys(tenant_id, session_id, deleted)), default=None
        )

    def delete(self, connection: Connection, tenant_id: str, session_id: str, item_ids: Sequence[str]) -> None:
        for key in self._keys(tenant_id, session_id, item_ids):
            self.rows.pop(key, None)

    @staticmethod
    def _keys(tenant_id: str, session_id: str, item_ids: Sequence[str]) -> list[tuple[str, str, str]]:
        return [(tenant_id, item_id, session_id) for item_id in item_ids]


class Checkpoints(CheckpointTable):
    """The agent's memory in DynamoDB. `deleted` are threads, with the checkpoint where it was not the whole."""

    def __init__(self) -> None:
        self.deleted: list[tuple[str, str | None]] = []
        self.is_silent = False

    def count(self, thread: str) -> int:
        return 1

    def delete(self, thread: str, checkpoint_id: str | None = None) -> int:
        if self.is_silent:
            raise TransientError("DynamoDB: ThrottlingException")
        self.deleted.append((thread, checkpoint_id))
        return 1


class FakeAgent(Agent):
    """The agent. `outcome` is its answer, or is raised; `finds` is what its tools find meanwhile."""

    def __init__(self, fakes: Fakes) -> None:
        self.fakes = fakes
        self.outcome: Answered | Exception = ANSWER
        self.memory: Memory | None = None
        self.meanwhile: Callable[[], object] = lambda: None
        self.asked: list[tuple[str, TurnContext, str, Memory | None]] = []
        self.recalled: list[tuple[str, str]] = []

    def recall(self, thread: str, checkpoint_id: str) -> Memory | None:
        self.recalled.append((thread, checkpoint_id))
        return self.memory

    def answer(
        self,
        question: str,
        context: TurnContext,
        *,
        thread: str,
        memory: Memory | None,
        callbacks: Sequence[BaseCallbackHandler] = (),
    ) -> Answered:
        assert not self.fakes.database.is_open, "a transaction waits for the model"
        assert list(callbacks) == [], "without a key nothing is traced"
        self.asked.append((question, context, thread, memory))
        self.meanwhile()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@dataclass
class Connect:
    """Of `chat.agent`. `keys` are those with which an agent was made."""

    agent: FakeAgent
    keys: list[tuple[str, str, str | None]] = field(default_factory=list)

    def connect(
        self,
        settings: ChatSettings,
        database: Database,
        aws: Aws,
        *,
        anthropic: str,
        voyage: str,
        tavily: str | None,
    ) -> Agent:
        self.keys.append((anthropic, voyage, tavily))
        return self.agent


@dataclass
class ReadModel:
    """Of `retrieval.projections`. `fault` is raised by the next vector."""

    analyzed: list[tuple[str, str, int]] = field(default_factory=list)
    vectors: list[tuple[str, str, tuple[float, ...], str, int]] = field(default_factory=list)
    pictures: list[tuple[str, str, int, int]] = field(default_factory=list)
    deleted: list[Key] = field(default_factory=list)
    fault: Exception | None = None

    def project_analysis(self, conn: AnyConnection[Any], tenant_id: str, item: AnalyzedItem) -> Outcome:
        self.analyzed.append((tenant_id, item.item_id, item.version))
        return Outcome.APPLIED

    def project_vector(
        self,
        conn: AnyConnection[Any],
        tenant_id: str,
        item_id: str,
        *,
        vector: Sequence[float],
        model: str,
        analysis_version: int,
        embedded_at: datetime,
        passages: Sequence[PassageVector] = (),
    ) -> Outcome:
        if self.fault is not None:
            raise self.fault
        self.vectors.append((tenant_id, item_id, tuple(vector), model, analysis_version))
        return Outcome.APPLIED

    def project_picture(self, conn: AnyConnection[Any], tenant_id: str, picture: Picture) -> Outcome:
        self.pictures.append((tenant_id, picture.item_id, picture.width, picture.height))
        return Outcome.APPLIED

    def project_deletion(self, conn: AnyConnection[Any], tenant_id: str, item_id: str, deleted_at: datetime) -> Outcome:
        self.deleted.append((tenant_id, item_id))
        return Outcome.APPLIED


class Maintenance:
    """Of `retrieval`."""

    def maintain_vector_indexes(
        self, conn: AnyConnection[Any], exact_limit: int = retrieval.DEFAULT_RANKING.exact_limit
    ) -> list[str]:
        return [ALICE, BOB]


@dataclass
class Chat:
    """The service in memory."""

    fakes: Fakes
    service: ChatService
    http: HttpEntry
    on_events: EventConsumer
    agent: FakeAgent
    connect: Connect
    conversations: Conversations
    memory: AgentMemory
    checkpoints: Checkpoints
    read_model: ReadModel
    quotations: Quotations

    def ask(self, tenant: str | None = ALICE, **changes: Any) -> Answer:
        body = {"message": "Where did I eat ramen?", "session_id": SESSION} | changes
        return call(self.http, "POST", "/chat", tenant, body=body, headers=TRACED)

    def remember(self, *, age: timedelta = timedelta(hours=1), session: str = SESSION, tenant: str = ALICE) -> Memory:
        """A conversation of two turns, the latest that long ago."""
        at = datetime.now(UTC) - age
        self.conversations.rows[tenant, session] = at, 2
        self.memory.rows[tenant, session] = "checkpoint-0", None
        self.agent.memory = Memory("checkpoint-0", at, ())
        return self.agent.memory


@pytest.fixture
def unit(fakes: Fakes) -> Chat:
    service = fakes.under(bootstrap(ChatSettings(**SETTINGS), fakes.aws))
    for name in ("anthropic", "voyage"):
        fakes.put_secret(f"{name}-api-key", f"key of {name}")
    agent, checkpoints = FakeAgent(fakes), Checkpoints()
    vars(service)["checkpoints"] = checkpoints
    turns = fakes.stand_in(conversations, Conversations())
    model = fakes.stand_in(read_model, ReadModel())
    return Chat(
        fakes,
        service,
        ENTRY_POINTS.build("http", service),
        ENTRY_POINTS.build("on_events", service),
        agent,
        fakes.stand_in(agent_module, Connect(agent)),
        turns,
        fakes.stand_in(agent_memory, AgentMemory(turns)),
        checkpoints,
        model,
        fakes.stand_in(quotations, Quotations(model)),
    )


def problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["type"].removeprefix("urn:collections:problem:")


# Turns


def test_a_first_turn_is_answered_and_recorded(unit: Chat) -> None:
    def use_a_tool() -> None:
        context = unit.agent.asked[0][1]
        context.hits.append(HIT)
        context.told.append(True)
        context.note_use("search_collection", {"query": "ramen"}, results=1)

    unit.agent.meanwhile = use_a_tool
    answer = unit.ask(top_k=7, category_filter="Food", min_similarity_score=0.25)
    body = answer.body
    assert (answer.status, body["session_id"], body["conversation_turn"]) == (200, SESSION, 1)
    assert (body["message"]["role"], body["message"]["content"]) == ("assistant", "In Kyoto [ramen-1].")
    assert [result["item_id"] for result in body["search_results"]] == ["ramen-1"]
    used = {"name": "search_collection", "input": {"query": "ramen"}, "results": 1}
    assert (body["agent_reasoning"], body["tools_used"]) == (["Let me look."], [used])
    assert (body["citations"], body["answer_confidence"], body["confident"]) == (["ramen-1"], 0.9, True)
    (recorded,) = unit.fakes.recorded
    turn = recorded.data
    assert isinstance(turn, TurnCompleted)
    expected = TurnCompleted(
        turn=1,
        question=ChatMessage(role="user", content="Where did I eat ramen?", timestamp=turn.question.timestamp),
        answer=ChatMessage(
            role="assistant",
            content="In Kyoto [ramen-1].",
            timestamp=turn.answer.timestamp,
            search_results=tuple(body["search_results"]),
            tools_used=(used,),
        ),
        tools_used=("search_collection",),
        citations=("ramen-1",),
        model="claude-sonnet-4-6",
        input_tokens=1000,
        output_tokens=100,
        cost_usd=0.0045,
        response_time_ms=turn.response_time_ms,
    )
    assert recorded == requested(expected, ALICE, SESSION)
    assert turn.response_time_ms == body["response_time_ms"]
    assert turn.question.timestamp <= turn.answer.timestamp == unit.fakes.store.events[0].time
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    assert unit.memory.rows == {(ALICE, SESSION): ("checkpoint-1", None)}
    assert unit.conversations.rows[ALICE, SESSION] == (turn.answer.timestamp, 1)


def test_a_citation_that_its_source_does_not_support_is_dropped(
    unit: Chat, measured: Measured, log_lines: LogLines
) -> None:
    unit.agent.meanwhile = lambda: unit.agent.asked[0][1].hits.append(replace(HIT, body="A hotel bill"))
    body = unit.ask().body
    assert (body["citations"], body["answer_confidence"], body["confident"]) == ([], 0.0, None)
    assert body["message"]["content"] == "In Kyoto."
    (recorded,) = unit.fakes.recorded
    assert isinstance(recorded.data, TurnCompleted)
    assert (recorded.data.citations, recorded.data.answer.content) == ((), "In Kyoto.")
    assert measured()["CitationsDropped"] == ("Count", [1])
    (line,) = [line for line in log_lines() if line["message"] == "citations dropped"]
    assert (line["dropped"], line["kept"]) == (1, 0)


def test_a_message_that_is_sent_again_under_its_key_is_one_turn(unit: Chat) -> None:
    def send(message: str = "Where?") -> Answer:
        body = {"message": message, "session_id": SESSION}
        return call(unit.http, "POST", "/chat", ALICE, body=body, headers={"idempotency-key": "key-1"})

    first, again = send(), send()
    assert (first.status, first.body) == (again.status, again.body) == (200, first.body)
    assert (len(unit.agent.asked), len(unit.fakes.recorded)) == (1, 1)
    assert problem(send("When?")) == (422, "idempotency-key-reused")


def test_a_message_that_failed_may_be_sent_again_under_its_key(unit: Chat) -> None:
    body, headers = {"message": "Where?", "session_id": SESSION}, {"idempotency-key": "key-1"}
    unit.agent.outcome = ModelUnavailableError("down")
    assert call(unit.http, "POST", "/chat", ALICE, body=body, headers=headers).status == 503
    unit.agent.outcome = ANSWER
    assert call(unit.http, "POST", "/chat", ALICE, body=body, headers=headers).status == 200


def test_what_the_agent_is_asked(unit: Chat) -> None:
    started = time.monotonic()
    unit.ask(message="  Where?  ", top_k=7, category_filter="Food", min_similarity_score=0.25)
    ((question, context, thread, memory),) = unit.agent.asked
    assert (question, thread, memory) == ("Where?", THREAD, None)
    assert (context.tenant_id, context.top_k, context.min_similarity) == (ALICE, 7, 0.25)
    assert context.filters == Filters(category="Food")
    assert started + 24 <= context.deadline <= time.monotonic() + 24
    assert unit.memory.leased_s == [29], "longer than the turn may take"
    assert unit.agent.recalled == []
    assert unit.checkpoints.deleted == [(THREAD, None)], "nothing of an earlier conversation is left in the thread"


def test_how_long_a_turn_took_is_told_recorded_and_measured(
    unit: Chat, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    reads = iter([100.0, 102.3456])
    monkeypatch.setattr("chat.turn.time", SimpleNamespace(monotonic=lambda: next(reads)))
    answer = unit.ask()
    ((_, context, *_),) = unit.agent.asked
    (recorded,) = unit.fakes.recorded
    assert isinstance(recorded.data, TurnCompleted)
    assert (answer.body["response_time_ms"], recorded.data.response_time_ms) == (2346, 2346)
    assert 100 + 24 - 1 < context.deadline <= 100 + 24
    assert measured()["TurnDuration"] == ("Milliseconds", [2346])


def test_a_turn_costs_what_its_tokens_do_to_a_millionth(fakes: Fakes, unit: Chat) -> None:
    unit.agent.outcome = replace(ANSWER, input_tokens=7, output_tokens=3)
    settings = unit.service.settings.model_copy(update={"chat_input_price": 1.25, "chat_output_price": 0.5})
    vars(unit.service)["settings"] = settings
    assert unit.ask().status == 200
    (recorded,) = fakes.recorded
    assert isinstance(recorded.data, TurnCompleted)
    assert recorded.data.cost_usd == 0.00001, "of 0.00001025"


def test_a_turn_shows_fifty_items_at_most(unit: Chat) -> None:
    unit.agent.meanwhile = lambda: unit.agent.asked[0][1].hits.extend(replace(HIT, item_id=str(n)) for n in range(51))
    assert len(unit.ask().body["search_results"]) == 50


def test_a_lease_is_a_secret_of_eight_bytes(unit: Chat) -> None:
    leases: list[str | None] = []
    unit.agent.meanwhile = lambda: leases.append(unit.memory.rows[ALICE, SESSION][1])
    unit.ask()
    unit.ask()
    first, second = leases
    assert first != second
    assert [len(bytes.fromhex(lease or "")) for lease in leases] == [8, 8]


@pytest.mark.parametrize(("age_s", "turn"), [(14399, 3), (14400, 1)])
def test_a_memory_lives_for_its_time(unit: Chat, monkeypatch: pytest.MonkeyPatch, age_s: int, turn: int) -> None:
    now = datetime.now(UTC)
    monkeypatch.setattr("chat.turn.datetime", SimpleNamespace(now=lambda zone: now.astimezone(zone)))
    unit.remember()
    unit.agent.memory = Memory("checkpoint-0", now - timedelta(seconds=age_s), ())
    assert unit.ask().body["conversation_turn"] == turn


def test_a_turn_may_take_less_when_the_gateway_has_waited(unit: Chat) -> None:
    event = http_event("POST", "/chat", ALICE, body={"message": "Where?", "session_id": SESSION})
    event["requestContext"]["timeEpoch"] = (time.time() - 5) * 1000
    started = time.monotonic()
    assert unit.http(event, CONTEXT)["statusCode"] == 200
    assert started + 18 < unit.agent.asked[0][1].deadline < time.monotonic() + 19.1


def test_a_turn_without_results_shows_none(unit: Chat) -> None:
    unit.agent.outcome = replace(ANSWER, reasoning=())
    body = unit.ask().body
    assert (body["search_results"], body["agent_reasoning"], body["tools_used"]) == (None, None, None)


def test_a_conversation_goes_on_from_its_memory(unit: Chat) -> None:
    memory = unit.remember()
    assert unit.ask().body["conversation_turn"] == 3
    assert unit.agent.recalled == [(THREAD, "checkpoint-0")]
    assert unit.agent.asked[0][3] is memory
    assert unit.checkpoints.deleted == []
    assert unit.memory.rows == {(ALICE, SESSION): ("checkpoint-1", None)}


@pytest.mark.parametrize("age", [timedelta(hours=4), None], ids=["expired", "removed by DynamoDB"])
def test_a_conversation_begins_again_when_its_memory_is_gone(unit: Chat, age: timedelta | None) -> None:
    unit.remember(age=age or timedelta(hours=1))
    if age is None:
        unit.agent.memory = None
    assert unit.ask().body["conversation_turn"] == 1
    assert unit.agent.asked[0][3] is None
    assert unit.checkpoints.deleted == [(THREAD, None)]


def test_the_same_session_id_of_another_user_is_another_conversation(unit: Chat) -> None:
    unit.remember()
    assert unit.ask(BOB).body["conversation_turn"] == 1
    ((_, context, thread, memory),) = unit.agent.asked
    assert (context.tenant_id, thread, memory) == (BOB, f"{BOB}#{SESSION}", None)
    assert unit.memory.rows[ALICE, SESSION] == ("checkpoint-0", None)


@pytest.mark.parametrize(
    ("session", "thread"),
    [
        ("my-session-1", "my-session-1"),
        ("x", "x"),
        (" with blanks ", "%20with%20blanks%20"),
        ("a/b#c", "a%2Fb%23c"),
        ("../..", "..%2F.."),
        ("50%", "50%25"),
        ("日本語", "%E6%97%A5%E6%9C%AC%E8%AA%9E"),
        ("🍣" * 128, "%F0%9F%8D%A3" * 128),
    ],
)
def test_a_session_id_is_any_text(session: str, thread: str, unit: Chat) -> None:
    """The client's own; in keys it is quoted, so that no two conversations share one."""
    assert unit.ask(session_id=session).body["session_id"] == session
    assert unit.agent.asked[0][2] == f"{ALICE}#{thread}"
    assert [event.subject for event in unit.fakes.store.events] == [session]


@pytest.mark.parametrize(
    "session",
    ["", "x" * 129, "a\x00", "\ud800", 1, None, ["x"]],
    ids=["empty", "long", "nul", "half", "number", "null", "list"],
)
def test_what_is_no_session_id_is_refused(session: Any, unit: Chat) -> None:
    assert unit.ask(session_id=session).status == 422
    assert unit.agent.asked == []


@pytest.mark.parametrize("message", ["a\x00b", "\ud800", "x" * 8001, "  "], ids=["nul", "half", "long", "blank"])
def test_a_message_that_cannot_be_stored_is_refused_before_the_model_is_paid(message: str, unit: Chat) -> None:
    answer = unit.ask(message=message)
    assert (answer.status, answer.body["errors"][0]["loc"][0]) == (422, "body")
    assert unit.agent.asked == []
    assert unit.memory.rows == {}


def test_an_agent_is_made_for_each_set_of_keys(unit: Chat) -> None:
    unit.ask()
    unit.ask()
    unit.fakes.put_secret("tavily-api-key", "key of tavily")
    unit.ask()
    assert unit.connect.keys == [
        ("key of anthropic", "key of voyage", None),
        ("key of anthropic", "key of voyage", "key of tavily"),
    ]


@pytest.mark.parametrize(
    ("outcome", "status", "code", "retry_after"),
    [
        (ModelUnavailableError("529"), 503, "model-unavailable", "5"),
        (ModelRejectedError("401"), 502, "model-rejected", None),
        (TransientError("DynamoDB: throttled"), 503, "unavailable", "5"),
        (ValueError("a defect of ours"), 500, "internal", None),
    ],
)
def test_a_turn_that_fails_leaves_the_conversation_as_it_was(
    unit: Chat, outcome: Exception, status: int, code: str, retry_after: str | None
) -> None:
    unit.remember()
    unit.agent.outcome = outcome
    answer = unit.ask()
    assert (problem(answer), answer.headers.get("Retry-After")) == ((status, code), retry_after)
    assert "defect" not in answer.text
    assert unit.fakes.recorded == []
    assert unit.memory.rows == {(ALICE, SESSION): ("checkpoint-0", None)}, "the lease has ended"
    unit.agent.outcome = ANSWER
    assert unit.ask().body["conversation_turn"] == 3


def test_a_missing_key_is_a_fault_and_a_throttled_parameter_store_is_not(unit: Chat) -> None:
    unit.fakes.aws.ssm.parameters.clear()
    assert problem(unit.ask()) == (500, "internal")
    with unit.fakes.aws.ssm.failing("get_parameter", "ThrottlingException"):
        assert problem(unit.ask()) == (503, "unavailable")
    assert unit.memory.rows == {(ALICE, SESSION): (None, None)}
    assert unit.agent.asked == []


def test_one_turn_of_a_conversation_at_a_time(unit: Chat) -> None:
    inner: list[Answer] = []
    unit.agent.meanwhile = lambda: inner.append(unit.ask()) if not inner else None
    assert unit.ask().status == 200
    assert problem(inner[0]) == (409, "conversation-busy")
    assert (len(unit.fakes.recorded), len(unit.agent.asked)) == (1, 1)


def test_a_conversation_that_is_deleted_meanwhile_keeps_no_answer(unit: Chat) -> None:
    unit.remember()
    deletion = example(SessionDeleted, subject=SESSION, tenant=ALICE)
    unit.agent.meanwhile = lambda: deliver(unit.on_events, deletion)
    assert problem(unit.ask()) == (409, "conversation-ended")
    assert (unit.fakes.recorded, unit.memory.rows) == ([], {})
    assert unit.checkpoints.deleted == [(THREAD, None), (THREAD, "checkpoint-1")]


@pytest.mark.parametrize("transaction", [0, 1])
def test_a_turn_while_the_database_is_silent(unit: Chat, transaction: int) -> None:
    unit.fakes.database.fail(after=transaction)
    assert problem(unit.ask()) == (503, "unavailable")
    assert unit.fakes.recorded == []
    assert unit.ask().status == 200, "nothing holds the conversation"


def test_a_turn_that_the_bus_refuses_is_answered_and_published_by_the_relay(unit: Chat) -> None:
    with unit.fakes.aws.events.failing("put_events"):
        assert unit.ask().status == 200
    assert unit.fakes.published == []
    assert ENTRY_POINTS.build("relay", unit.service)({}, None) == {"published": 1}
    assert unit.fakes.published == [unit.fakes.store.events[0].id]


@pytest.mark.parametrize(
    "changes",
    [
        {"message": ""},
        {"message": " \n"},
        {"message": "a" * 8001},
        {"session_id": "x" * 129},
        {"top_k": 0},
        {"top_k": 51},
        {"category_filter": "a" * 201},
        {"min_similarity_score": 1.1},
        {"min_similarity_score": -0.1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_malformed_question_asks_nobody(unit: Chat, changes: dict[str, Any]) -> None:
    assert problem(unit.ask(**changes)) == (422, "invalid-request")
    assert (unit.agent.asked, unit.memory.leased_s) == ([], [])


def test_a_question_at_the_limits_is_asked(unit: Chat) -> None:
    limits: dict[str, Any] = {
        "message": "a" * 8000,
        "top_k": 50,
        "min_similarity_score": 1,
        "category_filter": "a" * 200,
    }
    assert unit.ask(**limits).status == 200


def test_a_question_needs_a_token(unit: Chat) -> None:
    assert unit.ask(None).status == 401
    assert unit.agent.asked == []


# Ends of conversations


def ends(session: str = SESSION, tenant: str = ALICE) -> list[Event[Any]]:
    expiry = example(
        SessionExpired, subject=session, tenant=tenant, cause=CrowdedOut(kind="crowded-out", allowed=1).model_dump()
    )
    expired = replace(expiry, data=expiry.data.model_copy(update={"last_turn_at": datetime.now(UTC)}))
    return [example(SessionDeleted, subject=session, tenant=tenant), expired]


@pytest.mark.parametrize("end", [0, 1], ids=["deleted", "expired"])
def test_an_end_deletes_the_memory_of_that_conversation_alone(unit: Chat, end: int) -> None:
    for session, tenant in ((SESSION, ALICE), (OTHER, ALICE), (SESSION, BOB)):
        unit.remember(session=session, tenant=tenant)
    event = ends()[end]
    assert deliver(unit.on_events, event, event) == []
    assert set(unit.memory.rows) == set(unit.conversations.rows) == {(ALICE, OTHER), (BOB, SESSION)}
    assert unit.checkpoints.deleted == [(THREAD, None)]
    assert unit.fakes.recorded == []


@pytest.mark.parametrize("end", [0, 1], ids=["deleted", "expired"])
def test_an_end_erases_the_answers_of_its_conversation_and_none_of_the_next(unit: Chat, end: int) -> None:
    def send(key: str) -> Answer:
        body = {"message": "Where did I eat ramen?", "session_id": SESSION}
        return call(unit.http, "POST", "/chat", ALICE, body=body, headers={"idempotency-key": key})

    first = send("one").body
    event = replace(ends()[end], time=datetime.now(UTC))
    second = send("two").body
    assert deliver(unit.on_events, event) == []
    assert (send("one").status, send("two").body) == (410, second)
    assert first["session_id"] == second["session_id"]


@pytest.mark.parametrize("end", [0, 1], ids=["deleted", "expired"])
def test_an_end_of_which_nothing_is_remembered(unit: Chat, end: int) -> None:
    assert deliver(unit.on_events, ends()[end]) == []
    assert unit.checkpoints.deleted == []


def test_an_expiry_spares_a_turn_in_progress_and_a_deletion_does_not(unit: Chat) -> None:
    unit.memory.rows[ALICE, SESSION] = None, "lease"
    deleted, expired = ends()
    assert deliver(unit.on_events, expired) == []
    assert unit.memory.rows == {(ALICE, SESSION): (None, "lease")}
    assert deliver(unit.on_events, deleted) == []
    assert unit.memory.rows == {}


@pytest.mark.parametrize("end", [0, 1], ids=["deleted", "expired"])
def test_an_end_that_comes_after_the_conversation_went_on_changes_nothing(unit: Chat, end: int) -> None:
    event = ends()[end]
    unit.remember(age=-timedelta(minutes=1))
    at, _ = unit.conversations.rows[ALICE, SESSION]
    unit.conversations.rows[ALICE, SESSION] = at, 1
    assert deliver(unit.on_events, event) == []
    assert (set(unit.memory.rows), unit.checkpoints.deleted) == ({(ALICE, SESSION)}, [])


@pytest.mark.parametrize("end", [0, 1], ids=["deleted", "expired"])
def test_an_end_comes_back_while_the_memory_cannot_be_deleted(unit: Chat, end: int) -> None:
    unit.remember()
    event, item = ends()[end], example(ItemAnalyzed, subject="item-1", tenant=ALICE)
    unit.checkpoints.is_silent = True
    assert deliver(unit.on_events, event, item) == [envelope(event)]
    assert (set(unit.memory.rows), len(unit.read_model.analyzed)) == ({(ALICE, SESSION)}, 1)
    assert deliver(unit.on_events, event, receives=3) == []
    assert [letter.reason for letter in unit.fakes.dead_letters()] == ["gave-up:TransientError"]
    assert unit.conversations.rows == {}, "the end is a fact all the same"
    unit.checkpoints.is_silent = False
    assert deliver(unit.on_events, event) == [], "redriven from the dead-letter queue, it counts"
    assert unit.memory.rows == {}


def test_a_rebuild_deletes_no_memory_and_a_reprocessing_does(unit: Chat) -> None:
    unit.remember()
    event = ends()[0]
    deliver(unit.on_events, replayed(event, replay_id="1", replay_for="chat"))
    assert (unit.conversations.rows, unit.checkpoints.deleted) == ({}, [])
    deliver(unit.on_events, replayed(event, replay_id="2", replay_for="chat", kind=ReplayKind.REPROCESS))
    assert unit.checkpoints.deleted == [(THREAD, None)]


@pytest.mark.parametrize("major", [1, 2])
def test_expiries_of_older_majors_end_conversations(unit: Chat, major: int) -> None:
    *_, case = published_version_cases(REPOSITORY / "contracts", f"collections.sessions.session-expired.v{major}")
    document = next(iter(case.documents().values())) | {"tenantid": ALICE, "subject": SESSION}
    unit.memory.rows[ALICE, SESSION] = "checkpoint-0", None
    body = {"source": document["source"], "detail-type": document["type"], "detail": document}
    assert deliver(unit.on_events, json.dumps(body)) == []
    assert (unit.memory.rows, unit.fakes.dead_letters()) == ({}, [])


# The read model


def test_events_of_items_are_folded_into_the_read_model(unit: Chat) -> None:
    analyzed, embedded, deleted = (
        example(contract, subject="item-1", tenant=ALICE) for contract in (ItemAnalyzed, ItemEmbedded, ItemDeleted)
    )
    processed = example(ImageProcessed, subject="item-1", tenant=ALICE)
    events: list[Event[Contract]] = [processed, analyzed, embedded, deleted]
    assert deliver(unit.on_events, *events, *events) == []
    assert isinstance(analyzed.data, ItemAnalyzed)
    assert isinstance(embedded.data, ItemEmbedded)
    assert unit.read_model.analyzed == [(ALICE, "item-1", analyzed.data.version)]
    vector = embedded.data.values()
    assert unit.read_model.vectors == [(ALICE, "item-1", vector, embedded.data.model, embedded.data.analysis_version)]
    assert unit.read_model.pictures == [(ALICE, "item-1", processed.data.width, processed.data.height)]
    assert unit.read_model.deleted == [(ALICE, "item-1")]
    assert unit.fakes.recorded == []


def test_a_vector_that_compares_with_none_is_dead_lettered_alone(unit: Chat) -> None:
    unit.read_model.fault = InvalidVectorError("3 dimensions")
    embedded = example(ItemEmbedded, subject="item-1", tenant=ALICE)
    analyzed = example(ItemAnalyzed, subject="item-1", tenant=ALICE)
    assert deliver(unit.on_events, embedded, analyzed) == []
    assert [(letter.reason, letter.detail) for letter in unit.fakes.dead_letters()] == [
        ("invalid-vector", "3 dimensions")
    ]
    assert len(unit.read_model.analyzed) == 1


def test_a_vector_of_other_dimensions_than_stated_is_dead_lettered(unit: Chat) -> None:
    assert deliver(unit.on_events, example(ItemEmbedded, subject="item-1", tenant=ALICE, dimensions=3)) == []
    assert [(letter.reason, letter.detail) for letter in unit.fakes.dead_letters()] == [
        ("invalid-vector", "the vector does not hold 3 float32 values")
    ]
    assert unit.read_model.vectors == []


def test_a_silent_database_leaves_the_batch_in_the_queue(unit: Chat) -> None:
    first, second = (example(ItemAnalyzed, subject=f"item-{n}", tenant=ALICE) for n in (1, 2))
    unit.fakes.database.fail()
    assert deliver(unit.on_events, first, second) == [envelope(first), envelope(second)]
    unit.fakes.database.fail(after=1)
    assert deliver(unit.on_events, first, second) == [envelope(first)]
    assert unit.read_model.analyzed == [(ALICE, "item-2", second.data.version)]


def test_the_turns_of_this_service_do_not_come_back_to_it(unit: Chat) -> None:
    assert deliver(unit.on_events, example(TurnCompleted, subject=SESSION, tenant=ALICE)) == []
    assert [letter.reason for letter in unit.fakes.dead_letters()] == ["not-subscribed"]


def test_the_maintenance_reports_the_tenants_whose_indexes_changed(unit: Chat, log_lines: LogLines) -> None:
    unit.fakes.stand_in(retrieval, Maintenance())
    assert ENTRY_POINTS.build("maintenance", unit.service)({}, None) == {"tenants": 2}
    (line,) = log_lines()
    assert (line["message"], line["tenants"]) == ("maintenance", 2)


def test_an_operator_has_stored_events_published_again(unit: Chat) -> None:
    stored = example(TurnCompleted, subject="subject-1", tenant="alice")
    assert_replays(unit.fakes, ENTRY_POINTS.build("on_replays", unit.service), stored, consumer="sessions")


# Items that are deleted


def use_ramen(unit: Chat) -> None:
    """The next turn finds an item."""
    unit.agent.meanwhile = lambda: unit.agent.asked[-1][1].hits.append(HIT)


def test_an_item_that_is_not_among_the_results_any_more_leaves_with_its_deletion_too(unit: Chat) -> None:
    """A turn's tools may show more items than its event carries."""
    others = [replace(HIT, item_id=str(number)) for number in range(50)]
    unit.agent.meanwhile = lambda: unit.agent.asked[-1][1].hits.extend([*others, HIT])
    unit.ask()
    delete_ramen(unit)
    assert isinstance(unit.fakes.store.events[-1].data, TurnsErased)


def delete_ramen(unit: Chat) -> None:
    deleted = example(ItemDeleted, subject="ramen-1", tenant=ALICE)
    assert deliver(unit.on_events, deleted, deleted) == []


def test_a_deleted_item_leaves_the_conversations_that_found_it(unit: Chat) -> None:
    use_ramen(unit)
    assert unit.ask().body["conversation_turn"] == 1
    unit.agent.meanwhile = lambda: None
    unit.ask(session_id="another")
    delete_ramen(unit)
    (turn, other, erased) = unit.fakes.store.events
    assert unit.fakes.erasure.erased == {turn.id}
    assert isinstance(erased.data, TurnsErased)
    assert (erased.subject, erased.data.turns) == (SESSION, (ErasedTurn(turn=1, completed_at=turn.time),))
    assert unit.memory.rows[ALICE, SESSION] == (None, None)
    assert (f"{ALICE}#{SESSION}", None) in unit.checkpoints.deleted
    assert unit.memory.rows[ALICE, other.subject][0] is not None, "another conversation goes on as it was"

    assert unit.ask().body["conversation_turn"] == 2, "it goes on, without memory"
    assert unit.agent.asked[-1][3] is None


def test_a_turn_that_found_an_item_which_is_deleted_meanwhile_leaves_no_memory(unit: Chat) -> None:
    def found_and_deleted() -> None:
        unit.agent.asked[-1][1].hits.append(HIT)
        delete_ramen(unit)

    unit.agent.meanwhile = found_and_deleted
    assert unit.ask().status == 200
    (turn, erased) = unit.fakes.store.events
    assert (type(erased.data), unit.fakes.erasure.erased) == (TurnsErased, {turn.id})
    assert unit.memory.rows[ALICE, SESSION] == (None, None)


def test_a_turn_that_may_remember_the_item_is_discarded_when_it_is_deleted_meanwhile(unit: Chat) -> None:
    use_ramen(unit)
    unit.ask()
    unit.agent.meanwhile = lambda: delete_ramen(unit)
    assert problem(unit.ask()) == (409, "conversation-ended")


def test_a_tenant_is_forgotten(unit: Chat) -> None:
    unit.remember()
    unit.remember(tenant=BOB)
    stored = example(TurnCompleted, subject=SESSION, tenant=ALICE)
    erased = assert_forgets(unit.fakes, unit.on_events, ALICE, stored)
    assert erased == {"events": 1, "items of checkpoints": 1}
    assert unit.checkpoints.deleted == [(f"{ALICE}#{SESSION}", None)]


def test_a_turn_of_a_tenant_who_is_forgotten_meanwhile_is_discarded_with_its_memory(unit: Chat) -> None:
    unit.agent.meanwhile = lambda: deliver(unit.on_events, forgotten(ALICE))
    answer = unit.ask()
    assert problem(answer) == (410, "forgotten")
    assert unit.checkpoints.deleted[-1] == (f"{ALICE}#{SESSION}", ANSWER.checkpoint_id)
    assert not [event for event in unit.fakes.store.events if isinstance(event.data, TurnCompleted)]
