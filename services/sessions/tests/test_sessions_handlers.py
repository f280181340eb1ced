"""Every entry point of sessions in memory: turns, routes and the clean-up, and the ends of conversations they record.

Which conversation turns make is a matter of SQL; here a conversation is what its latest turn says, until its end.
"""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.database import Connection
from chassis.errors import MalformedCursorError, TransientError
from chassis.http import HttpEntry
from chassis.projections import Projections
from chassis.queue import EventConsumer
from contracts import Contract, Event, ReplayKind, replayed
from contracts.chat import ChatMessage, ErasedTurn, TurnCompleted, TurnsErased
from contracts.sessions import CrowdedOut, Idle, SessionDeleted, SessionExpired
from sessions import projections as folds
from sessions.bootstrap import SessionsService, bootstrap
from sessions.cursors import Cursor
from sessions.expiry import expire_idle
from sessions.handler import ENTRY_POINTS
from sessions.repository import conversations, erased_turns, lag, statistics
from sessions.repository.conversations import Conversation
from sessions.repository.statistics import LastCleanup, Totals
from sessions.settings import SessionsSettings
from sessions.table import History, SessionTable, Summary
from testkit import Answer, Fakes, LogLines, Measured, call, deliver, envelope, read
from testkit.fakes import SETTINGS, TRACED, caused, example, requested
from testkit.forgetting import assert_forgets
from testkit.replaying import assert_replays

ALICE, BOB, SESSION, OTHER = "alice", "bob", "session-1", "session-2"
TURNS = "https://sqs/turns"
HOUR = timedelta(hours=1)
CROWDED_OUT, IDLE = CrowdedOut(kind="crowded-out", allowed=2), Idle(kind="idle", after_s=14400)


@dataclass
class Conversations:
    """Of `sessions.repository.conversations`, and the folds that fill it.

    `after_listing` runs once, after a list; `pages` are the lengths asked for of lists for the clean-up.
    """

    rows: dict[tuple[str, str], Conversation] = field(default_factory=dict)
    folded: list[str] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)
    after_listing: Callable[[], object] = lambda: None

    def running(self, connection: Connection, tenant_id: str, session_id: str) -> Conversation | None:
        return self.rows.get((tenant_id, session_id))

    def ids(self, connection: Connection, tenant_id: str) -> list[str]:
        return [session for owner, session in self.rows if owner == tenant_id]

    def superfluous(self, connection: Connection, tenant_id: str, limit: int) -> list[str]:
        own = [(row.last_activity, session) for (owner, session), row in self.rows.items() if owner == tenant_id]
        return self._listed([session for _, session in sorted(own)[: max(len(own) - limit, 0)]])

    def idle_since(self, connection: Connection, before: datetime, limit: int) -> list[tuple[str, str]]:
        self.pages.append(limit)
        idle = [(row.last_activity, key) for key, row in self.rows.items() if row.last_activity <= before]
        return self._listed([key for _, key in sorted(idle)][:limit])

    def _listed(self, found: list[Any]) -> list[Any]:
        then, self.after_listing = self.after_listing, lambda: None
        then()
        return found

    def _fold(self, connection: Connection, event: Event[Contract]) -> None:
        self.folded.append(event.id)
        if isinstance(event.data, TurnCompleted):
            self.rows[event.tenant_id, event.subject] = conversation(event.time, event.data.turn)
        else:
            self.rows.pop((event.tenant_id, event.subject), None)

    def _projections(self) -> Projections:
        return Projections(dict.fromkeys((TurnCompleted, TurnsErased, SessionDeleted, SessionExpired), self._fold))


@dataclass
class Statistics:
    """Of `sessions.repository.statistics`."""

    conversations: Conversations
    cleanups: list[LastCleanup] = field(default_factory=list)
    started: list[datetime] = field(default_factory=list)

    def totals(self, connection: Connection, tenant_id: str, *, since: datetime) -> Totals:
        own = [row for (owner, _), row in self.conversations.rows.items() if owner == tenant_id]
        active = [row for row in own if row.last_activity > since]
        return Totals(len(active), 2 * sum(row.turns for row in active))

    def note_cleanup(
        self, connection: Connection, *, started_at: datetime, finished_at: datetime, expired: int
    ) -> None:
        self.started.append(started_at)
        self.cleanups.append(LastCleanup(finished_at, expired))

    def last_cleanup(self, connection: Connection, tenant_id: str) -> LastCleanup | None:
        return self.cleanups[-1] if self.cleanups else None


class Lag:
    """Of `sessions.repository.lag`."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.heard_at: datetime | None = None

    def note(self, connection: Connection, *, completed_at: datetime) -> None:
        self.heard_at = datetime.now(UTC)
        self.late.append((self.heard_at - completed_at).total_seconds())

    def heard_within(self, connection: Connection, seconds: float) -> bool:
        return self.heard_at is not None and self.heard_at > datetime.now(UTC) - timedelta(seconds=seconds)

    def seconds(self, connection: Connection) -> float:
        return self.late[-1] if self.late else 0.0


class Table(SessionTable):
    """The DynamoDB table, as far as routes read it."""

    def __init__(self) -> None:
        self.histories: dict[tuple[str, str], History] = {}
        self.is_silent = False
        self.since: list[datetime] = []
        self.erased: list[tuple[str, str]] = []

    def count(self, tenant_id: str, session_id: str) -> int:
        return 2

    def erase(self, tenant_id: str, session_id: str) -> None:
        self.erased.append((tenant_id, session_id))

    def history(self, tenant_id: str, session_id: str, *, active_since: datetime) -> History | None:
        self._asked(active_since)
        return self.histories.get((tenant_id, session_id))

    def latest(
        self, tenant_id: str, *, active_since: datetime, limit: int, after: Cursor | None = None
    ) -> list[Summary]:
        self._asked(active_since)
        own = [found.summary for (owner, _), found in self.histories.items() if owner == tenant_id]
        newest_first = sorted(own, key=_place)
        return [summary for summary in newest_first if after is None or _place(summary) > _place(after)][:limit]

    def _asked(self, since: datetime) -> None:
        if self.is_silent:
            raise TransientError("DynamoDB: ThrottlingException")
        self.since.append(since)


def _place(one: Summary | Cursor) -> tuple[float, str]:
    return -one.last_activity.timestamp(), one.session_id


@dataclass
class Sessions:
    """The service in memory."""

    fakes: Fakes
    service: SessionsService
    http: HttpEntry
    on_events: EventConsumer
    cleanup: Callable[[dict[str, Any], object], dict[str, Any]]
    conversations: Conversations
    statistics: Statistics
    table: Table
    lag: Lag

    def begin(self, *sessions: str, ago: timedelta = HOUR, tenant: str = ALICE) -> datetime:
        """There are conversations whose latest turn was that long ago."""
        at = datetime.now(UTC) - ago
        for session in sessions:
            self.conversations.rows[tenant, session] = conversation(at)
        return at

    def request(self, method: str, path: str, tenant: str | None = ALICE, **query: object) -> Answer:
        return call(self.http, method, path, tenant, query=query, headers=TRACED)


def conversation(at: datetime, turns: int = 1) -> Conversation:
    return Conversation(opened_at=at, created_at=at, last_activity=at, turns=turns)


def turn(session: str = SESSION, tenant: str = ALICE) -> Event[TurnCompleted]:
    return example(TurnCompleted, subject=session, tenant=tenant)


@pytest.fixture
def unit(fakes: Fakes) -> Sessions:
    settings = SessionsSettings(**SETTINGS, sessions_per_user=2, turn_wait_s=0, backlog_queue_url=TURNS)
    service = fakes.under(bootstrap(settings, fakes.aws))
    rows = fakes.stand_in(conversations, Conversations())
    late = fakes.stand_in(lag, Lag())
    counted, table = fakes.stand_in(statistics, Statistics(rows)), Table()
    vars(service).update(table=table, projections=rows._projections())
    return Sessions(
        fakes,
        service,
        ENTRY_POINTS.build("http", service),
        ENTRY_POINTS.build("on_events", service),
        ENTRY_POINTS.build("cleanup", service),
        rows,
        counted,
        table,
        late,
    )


def test_the_fake_folds_are_those_of_the_service() -> None:
    real = folds.projections(Table(), SessionsSettings())
    assert (set(real.folds), real.deletions) == (set(Conversations()._projections().folds), {})


# Turns


@dataclass
class SettledRows:
    """Of `sessions.repository.conversations`: what one fold finds before it and settles. `made` are its writes."""

    before: Conversation | None = None
    settled: Conversation | None = None
    kept: list[tuple[datetime, int]] = field(default_factory=list)
    is_over: bool = False
    made: list[Any] = field(default_factory=list)

    def running(self, connection: Connection, tenant_id: str, session_id: str) -> Conversation | None:
        assert (tenant_id, session_id) == (ALICE, SESSION)
        return self.before

    def turns(self, connection: Connection, tenant_id: str, session_id: str) -> list[tuple[datetime, int]]:
        assert (tenant_id, session_id) == (ALICE, SESSION)
        return self.kept

    def add_turn(
        self, connection: Connection, tenant_id: str, session_id: str, *, at: datetime, turn: int, asked_at: datetime
    ) -> bool:
        self.made.append(("turn", tenant_id, session_id, at, turn, asked_at))
        return not self.is_over

    def settle(self, connection: Connection, tenant_id: str, session_id: str) -> Conversation | None:
        self.made.append(("settled", tenant_id, session_id))
        return self.settled

    def end(self, connection: Connection, tenant_id: str, session_id: str, *, at: datetime, deleted: bool) -> None:
        self.made.append(("end", tenant_id, session_id, at, deleted))


class WrittenTable(SessionTable):
    """The DynamoDB table, as far as folds write it. `made` are the writes."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def put_turn(self, tenant_id: str, session_id: str, turn: TurnCompleted, *, at: datetime, lifetime_s: int) -> None:
        self.made.append(("turn", tenant_id, session_id, turn, at, lifetime_s))

    def put_conversation(self, tenant_id: str, session_id: str, conversation: Conversation, *, lifetime_s: int) -> None:
        self.made.append(("conversation", tenant_id, session_id, conversation, lifetime_s))

    def keep(
        self, tenant_id: str, session_id: str, turns: Iterable[tuple[datetime, int]], *, runs: bool, lifetime_s: int
    ) -> None:
        self.made.append(("keep", tenant_id, session_id, list(turns), runs, lifetime_s))


class ErasedTurns:
    """Of `sessions.repository.erased_turns`."""

    def __init__(self) -> None:
        self.marks: set[tuple[str, str, datetime, int]] = set()

    def add(self, connection: Connection, tenant_id: str, session_id: str, turns: Sequence[ErasedTurn]) -> None:
        self.marks |= {(tenant_id, session_id, each.completed_at, each.turn) for each in turns}

    def contains(self, connection: Connection, tenant_id: str, session_id: str, *, at: datetime, turn: int) -> bool:
        return (tenant_id, session_id, at, turn) in self.marks


def folded(fakes: Fakes, rows: SettledRows, event: Event[Any]) -> list[Any]:
    """What the fold of the event writes into the table."""
    fakes.stand_in(conversations, rows)
    fakes.stand_in(erased_turns, ErasedTurns())
    table = WrittenTable()
    settings = SessionsSettings(session_ttl_s=60, turn_retention_s=600)
    folds.projections(table, settings).folds[type(event.data)](fakes.connection, event)
    return table.made


@pytest.mark.parametrize(
    ("before", "waits", "settled", "written"),
    [
        (None, False, timedelta(0), ["turn", "conversation"]),
        (HOUR, True, HOUR, ["turn", "conversation"]),
        (HOUR, True, timedelta(0), ["turn", "conversation", "keep"]),
        (None, True, HOUR, ["turn", "conversation", "keep"]),
        (None, True, None, ["turn waits"]),
        (timedelta(0), True, -HOUR, ["conversation", "keep"]),
    ],
    ids=["first", "next", "begins again", "was waited for", "waits", "came too late"],
)
def test_what_the_fold_of_a_turn_writes(
    fakes: Fakes, before: timedelta | None, waits: bool, settled: timedelta | None, written: list[str]
) -> None:
    """Times are how long before the turn the conversation began."""
    event = turn()
    opened = {ago: None if ago is None else conversation(event.time - ago) for ago in (before, settled)}
    kept = [(event.time - HOUR, 1)] if waits else []
    rows = SettledRows(opened[before], opened[settled], kept)
    keys = (ALICE, SESSION)
    calls = {
        "turn": ("turn", *keys, event.data, event.time, 600),
        "turn waits": ("turn", *keys, event.data, event.time, 60),
        "conversation": ("conversation", *keys, opened[settled], 60),
        "keep": ("keep", *keys, kept, True, 600),
    }
    assert folded(fakes, rows, event) == [calls[name] for name in written]
    added = ("turn", *keys, event.time, event.data.turn, event.data.question.timestamp)
    assert rows.made == [added, ("settled", *keys)]


def test_a_turn_that_is_over_writes_nothing(fakes: Fakes) -> None:
    assert folded(fakes, SettledRows(is_over=True, settled=conversation(datetime.now(UTC))), turn()) == []


@pytest.mark.parametrize("goes_on", [True, False])
def test_what_the_fold_of_an_end_writes(fakes: Fakes, goes_on: bool) -> None:
    deleted = example(SessionDeleted, subject=SESSION, tenant=ALICE)
    expired = example(SessionExpired, subject=SESSION, tenant=ALICE)
    ends: list[tuple[Event[Any], datetime]] = [(deleted, deleted.time), (expired, expired.data.last_turn_at)]
    keys, left = (ALICE, SESSION), conversation(datetime.now(UTC)) if goes_on else None
    for event, at in ends:
        rows = SettledRows(settled=left, kept=[(at, 1)])
        put = [("conversation", *keys, left, 60)] if goes_on else []
        assert folded(fakes, rows, event) == [*put, ("keep", *keys, [(at, 1)], goes_on, 600 if goes_on else 60)]
        assert rows.made == [("end", *keys, at, event is deleted), ("settled", *keys)]


def test_a_turn_is_folded_and_ends_nothing_within_the_limit(unit: Sessions) -> None:
    unit.begin("older")
    event = turn()
    assert deliver(unit.on_events, event) == []
    assert unit.conversations.folded == [event.id]
    assert set(unit.conversations.rows) == {(ALICE, "older"), (ALICE, SESSION)}
    assert (unit.fakes.recorded, unit.fakes.aws.events.entries) == ([], [])


def test_a_turn_beyond_the_limit_ends_the_oldest_conversation_of_its_user(unit: Sessions) -> None:
    at = unit.begin("oldest", ago=3 * HOUR)
    unit.begin("older", ago=2 * HOUR)
    unit.begin("one", "two", "three", ago=4 * HOUR, tenant=BOB)
    event = turn()
    assert deliver(unit.on_events, event, event) == []
    expired = SessionExpired(cause=CROWDED_OUT, last_turn_at=at)
    assert unit.fakes.recorded == [caused(expired, event, subject="oldest")]
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    assert unit.fakes.store.locks == [(ALICE, SESSION), (ALICE, "oldest"), (ALICE, SESSION)]
    assert {session for owner, session in unit.conversations.rows if owner == ALICE} == {"older", SESSION}


def test_a_conversation_that_goes_on_meanwhile_does_not_end(unit: Sessions) -> None:
    unit.begin("oldest", ago=3 * HOUR)
    unit.begin("older", ago=2 * HOUR)
    unit.conversations.after_listing = lambda: unit.begin("oldest", ago=timedelta(0))
    assert deliver(unit.on_events, turn()) == []
    assert unit.fakes.recorded == []


def test_a_conversation_that_ends_meanwhile_ends_once(unit: Sessions) -> None:
    unit.begin("oldest", "older")
    unit.conversations.after_listing = lambda: unit.conversations.rows.pop((ALICE, "oldest"), None)
    assert deliver(unit.on_events, turn()) == []
    assert unit.fakes.recorded == []


@pytest.mark.parametrize("transaction", range(5))
def test_a_silent_database_brings_the_turn_back(unit: Sessions, transaction: int) -> None:
    """Whichever of the look into the inbox, the fold, the list, the end and the inbox row it is."""
    unit.begin("oldest", ago=3 * HOUR)
    unit.begin("older", ago=2 * HOUR)
    event = turn()
    unit.fakes.database.fail(after=transaction if transaction < 4 else 5)  # 4 clears the outbox
    assert deliver(unit.on_events, event, receives=2) == [envelope(event)]
    assert len(unit.fakes.aws.sqs.delays) == 1
    assert deliver(unit.on_events, event) == []
    assert [fact.subject for fact in unit.fakes.recorded] == ["oldest"]


def test_a_turn_that_fails_does_not_hold_up_its_batch(unit: Sessions) -> None:
    first, second = turn("first"), turn("second", BOB)
    unit.fakes.database.fail(after=1)
    assert deliver(unit.on_events, first, "{}", second) == [envelope(first)]
    assert set(unit.conversations.rows) == {(BOB, "second")}
    assert [letter.reason for letter in unit.fakes.dead_letters()] == ["not-an-envelope"]


def test_a_turn_that_fails_every_time_is_folded_and_dead_lettered(unit: Sessions) -> None:
    unit.fakes.database.fail(after=2)
    event = turn()
    assert deliver(unit.on_events, event, receives=3) == []
    assert [letter.reason for letter in unit.fakes.dead_letters()] == ["gave-up:TransientError"]
    assert unit.conversations.folded == [event.id]


def test_a_replay_ends_conversations_only_where_it_orders_reprocessing(unit: Sessions) -> None:
    unit.begin("oldest", "older")
    event = turn()
    deliver(unit.on_events, replayed(event, replay_id="1", replay_for="sessions"))
    assert (unit.conversations.folded, unit.fakes.recorded) == ([event.id], [])
    deliver(unit.on_events, replayed(event, replay_id="2", replay_for="sessions", kind=ReplayKind.REPROCESS))
    assert len(unit.fakes.recorded) == 1


# Routes


@pytest.mark.parametrize("path", [f"/chat/{SESSION}", f"/chat/sessions/{SESSION}"])
def test_a_deletion_is_recorded(unit: Sessions, path: str) -> None:
    unit.begin(SESSION)
    answer = unit.request("DELETE", path)
    assert (answer.status, answer.body) == (200, {"status": "deleted", "session_id": SESSION})
    assert unit.fakes.recorded == [requested(SessionDeleted(), ALICE, SESSION)]
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    assert unit.fakes.store.locks == [(ALICE, SESSION)]
    assert unit.request("DELETE", path).status == 404
    assert len(unit.fakes.recorded) == 1


def test_a_deletion_ends_turns_that_a_faster_clock_dated(unit: Sessions) -> None:
    at = unit.begin(SESSION, ago=-HOUR)
    unit.request("DELETE", f"/chat/{SESSION}")
    assert unit.fakes.store.events[0].time == at


@pytest.mark.parametrize(
    ("session", "ago", "tenant"),
    [("unknown", HOUR, ALICE), (SESSION, HOUR, BOB), (SESSION, 4 * HOUR, ALICE)],
    ids=["unknown", "of another user", "idle for too long"],
)
def test_only_ones_own_running_conversation_is_deleted(
    unit: Sessions, session: str, ago: timedelta, tenant: str
) -> None:
    unit.begin(SESSION, ago=ago)
    answer = unit.request("DELETE", f"/chat/{session}", tenant)
    assert (answer.status, answer.body["detail"]) == (404, f"session {session} not found")
    assert unit.fakes.recorded == []


def test_the_history_of_a_conversation(unit: Sessions) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    message = ChatMessage(role="user", content="Where did I eat ramen?", timestamp=at)
    unit.table.histories[ALICE, SESSION] = History(Summary(SESSION, at, at + HOUR, 1), (message,))
    answer = read(unit.http, f"/chat/{SESSION}/history", ALICE)
    assert read(unit.http, "/chat/sessions", ALICE).body["sessions"][0]["session_id"] == SESSION
    shown = message.model_dump(mode="json")
    times = {"created_at": "2026-11-01T00:00:00Z", "last_activity": "2026-11-01T01:00:00Z"}
    expected = {"session_id": SESSION, **times, "message_count": 1, "messages": [shown]}
    assert (answer.status, answer.body) == (200, expected)
    assert datetime.now(UTC) - unit.table.since[0] >= 4 * HOUR, "an expired conversation is not shown"
    assert unit.request("GET", f"/chat/{SESSION}/history", BOB).status == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_conversation_whose_first_turn_is_on_its_way_is_waited_for(
    unit: Sessions, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime.now(UTC)

    def arrive(seconds: float) -> None:
        unit.begin(SESSION)
        unit.table.histories[ALICE, SESSION] = History(Summary(SESSION, at, at, 2), ())

    monkeypatch.setattr("time.sleep", arrive)
    monkeypatch.setitem(vars(unit.service.settings), "turn_wait_s", 5)
    path = f"/chat/{SESSION}/history" if method == "GET" else f"/chat/{SESSION}"
    assert unit.request(method, path).status == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/chat/x/history"), ("DELETE", "/chat/x")])
def test_while_turns_arrive_late_an_unknown_conversation_is_not_missing(unit: Sessions, method: str, path: str) -> None:
    deliver(unit.on_events, turn())
    assert unit.request(method, path).status == 404
    late = replace(turn(), time=datetime.now(UTC) - HOUR)
    deliver(unit.on_events, replayed(late, replay_id="r", replay_for="sessions", kind=ReplayKind.REPROCESS))
    assert unit.request(method, path).status == 404, "a replay is not late"
    deliver(unit.on_events, late)
    for tenant in (ALICE, BOB):
        answer = unit.request(method, path, tenant)
        assert (answer.status, answer.body["type"].rpartition(":")[2]) == (503, "turns-arrive-late")
        assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_while_turns_wait_in_the_queue_an_unknown_conversation_is_not_missing(unit: Sessions, method: str) -> None:
    path = "/chat/x/history" if method == "GET" else "/chat/x"
    sqs = unit.fakes.aws.sqs
    sqs.send_message(QueueUrl=TURNS, MessageBody="a turn")
    answer = unit.request(method, path)
    assert (answer.status, answer.body["type"].rpartition(":")[2]) == (503, "turns-arrive-late")
    assert answer.headers["Retry-After"] == "5"
    (message,) = sqs.receive_message(QueueUrl=TURNS, MaxNumberOfMessages=1)["Messages"]
    assert unit.request(method, path).status == 503, "being handled is not handled"
    sqs.delete_message(QueueUrl=TURNS, ReceiptHandle=message["ReceiptHandle"])
    assert unit.request(method, path).status == 404
    with sqs.failing("get_queue_attributes"):
        assert unit.request(method, path).status == 503


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_on_a_busy_day_what_waits_in_the_queue_makes_no_conversation_of_an_unknown_one(
    unit: Sessions, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setitem(vars(unit.service.settings), "turn_wait_s", 0.05)
    path = "/chat/x/history" if method == "GET" else "/chat/x"
    unit.fakes.aws.sqs.send_message(QueueUrl=TURNS, MessageBody="a turn")
    monkeypatch.setattr(unit.lag, "heard_at", datetime.now(UTC))
    assert unit.request(method, path).status == 503, "none has arrived since the caller waits"
    monkeypatch.setattr(unit.lag, "heard_at", datetime.now(UTC) + timedelta(seconds=30))
    assert unit.request(method, path).status == 404


def test_the_list_of_conversations(unit: Sessions) -> None:
    at = unit.begin("one", "two")
    unit.begin("idle", ago=5 * HOUR)
    unit.begin("foreign", tenant=BOB)
    unit.table.histories = {(ALICE, name): History(Summary(name, at, at + HOUR, 2), ()) for name in ("one", "two")}
    answer = unit.request("GET", "/chat/sessions", limit=1)
    (entry,) = answer.body["sessions"]
    times = [datetime.fromisoformat(entry.pop(name)) for name in ("created_at", "last_activity")]
    assert (entry, times) == ({"session_id": "one", "message_count": 2}, [at, at + HOUR])
    assert answer.body["stats"] == {
        "active_sessions": 2,
        "total_messages": 4,
        "max_sessions": 2,
        "session_ttl_seconds": 14400,
        "last_cleanup": None,
    }
    unit.cleanup({}, None)
    (cleanup,) = unit.statistics.cleanups
    last = unit.request("GET", "/chat/sessions").body["stats"]["last_cleanup"]
    assert (datetime.fromisoformat(last["finished_at"]), last["expired"]) == (cleanup.finished_at, 1)


def test_the_list_goes_on_by_cursor(unit: Sessions) -> None:
    at = unit.begin()
    for number in range(5):
        name, moment = f"session {number} é", at - number * timedelta(minutes=1)
        unit.table.histories[ALICE, name] = History(Summary(name, at, moment, 2), ())
    seen: list[str] = []
    query: dict[str, Any] = {}
    while True:
        page = unit.request("GET", "/chat/sessions", limit=2, **query).body
        seen += [entry["session_id"] for entry in page["sessions"]]
        if page["next_cursor"] is None:
            break
        query = {"cursor": page["next_cursor"]}
    assert seen == [f"session {number} é" for number in range(5)]
    assert unit.request("GET", "/chat/sessions", limit=5).body["next_cursor"] is None


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "",
        "a" * 2049,
        Cursor(datetime(2026, 2, 1, tzinfo=UTC), "s").encode(BOB),
        Cursor(datetime(2026, 2, 1, tzinfo=UTC), "s").encode(ALICE) + "=",
        Cursor(datetime(2026, 2, 1, tzinfo=UTC), "s\x00").encode(ALICE),
        Cursor(datetime(2026, 2, 1, tzinfo=UTC), "s\ud800").encode(ALICE),
        base64.urlsafe_b64encode(b"[" * 900).decode(),
        base64.urlsafe_b64encode(b'["x","0001-01-01T00:00:00+14:00","s"]').decode(),
        base64.urlsafe_b64encode(b'["x","2026-01-01T00:00:00","s"]').decode(),
        base64.urlsafe_b64encode(b'["x",1,"s"]').decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
    ],
)
def test_a_cursor_that_was_not_issued_to_the_caller_is_refused(unit: Sessions, cursor: str) -> None:
    unit.begin("one")
    answer = unit.request("GET", "/chat/sessions", cursor=cursor)
    assert (answer.status, answer.body["status"]) == (400, 400)
    assert answer.body["type"].endswith(":malformed-cursor")
    assert unit.table.since == []


STORABLE = st.characters(codec="utf-8", exclude_characters="\x00")


@given(
    st.text(STORABLE, min_size=1, max_size=128), st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))
)
def test_a_cursor_comes_back_as_it_was(session: str, moment: datetime) -> None:
    cursor = Cursor(moment, session)
    assert Cursor.decode(cursor.encode(ALICE), ALICE) == cursor


@pytest.mark.parametrize("session", ["\x00", "\ud800", "a\udfff", 7, None])
def test_a_cursor_names_a_session_in_text_that_can_be_stored(session: Any) -> None:
    with pytest.raises(MalformedCursorError):
        Cursor.decode(Cursor(datetime.now(UTC), session).encode(ALICE), ALICE)


@pytest.mark.parametrize("limit", [0, 101, "x"])
def test_a_list_of_no_or_too_many_conversations(unit: Sessions, limit: object) -> None:
    assert unit.request("GET", "/chat/sessions", limit=limit).status == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/chat/sessions"),
        ("GET", f"/chat/{SESSION}/history"),
        ("DELETE", f"/chat/{SESSION}"),
        ("DELETE", f"/chat/sessions/{SESSION}"),
    ],
)
def test_a_route_needs_a_token_and_its_store(unit: Sessions, method: str, path: str) -> None:
    unit.begin(SESSION)
    assert unit.request(method, path, None).status == 401
    unit.fakes.database.fail()
    unit.table.is_silent = True
    answer = unit.request(method, path)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert unit.fakes.recorded == []


# The clock


def test_the_cleanup_ends_what_is_idle_for_every_user(unit: Sessions) -> None:
    at = unit.begin("one", ago=4 * HOUR)
    unit.begin("two", ago=5 * HOUR, tenant=BOB)
    unit.begin("active", ago=4 * HOUR - timedelta(minutes=1))
    outcome = unit.cleanup({}, None)
    assert (outcome["expired"], unit.statistics.cleanups[0].expired) == (2, 2)
    assert 0 <= outcome["seconds"] < 5
    second, first = unit.fakes.recorded
    assert (first.data, first.tenant_id, first.subject, first.sequence, first.causation_id) == (
        SessionExpired(cause=IDLE, last_turn_at=at),
        ALICE,
        "one",
        1,
        None,
    )
    assert (second.tenant_id, second.subject) == (BOB, "two")
    assert set(unit.conversations.rows) == {(ALICE, "active")}
    assert unit.cleanup({}, None)["expired"] == 0


def test_the_cleanup_spares_what_goes_on_or_ends_meanwhile(unit: Sessions) -> None:
    unit.begin("goes on", "ends", "idle", ago=5 * HOUR)

    def meanwhile() -> None:
        unit.begin("goes on", ago=timedelta(0))
        del unit.conversations.rows[ALICE, "ends"]

    unit.conversations.after_listing = meanwhile
    assert unit.cleanup({}, None)["expired"] == 1
    assert [fact.subject for fact in unit.fakes.recorded] == ["idle"]


def test_the_cleanup_goes_on_after_a_full_page(unit: Sessions) -> None:
    unit.begin(*map(str, range(201)), ago=5 * HOUR)
    assert unit.cleanup({}, None)["expired"] == 201
    assert unit.conversations.rows == {}
    assert unit.conversations.pages == [200, 200]


def test_the_cleanup_leaves_the_rest_when_its_time_is_up(unit: Sessions) -> None:
    unit.begin("one", ago=5 * HOUR)
    hurried = unit.service.settings.model_copy(update={"cleanup_budget_s": -1.0})
    service = unit.fakes.under(bootstrap(hurried, unit.fakes.aws))
    assert ENTRY_POINTS.build("cleanup", service)({}, None)["expired"] == 0
    assert len(unit.statistics.cleanups) == 1


@pytest.mark.parametrize("late_us", [0, 1])
def test_a_conversation_is_over_at_the_end_of_its_time(
    unit: Sessions, monkeypatch: pytest.MonkeyPatch, late_us: int
) -> None:
    at = unit.begin(SESSION, ago=HOUR)
    since = at - timedelta(microseconds=late_us)
    monkeypatch.setattr(SessionsSettings, "active_since", lambda self: since)
    assert expire_idle(unit.service, ALICE, SESSION) is not bool(late_us)
    unit.conversations.rows[ALICE, OTHER] = conversation(at)
    assert unit.request("DELETE", f"/chat/{OTHER}").status == (200 if late_us else 404)


def test_the_cleanup_says_how_long_it_took(
    unit: Sessions, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines, measured: Measured
) -> None:
    clock = [datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=seconds) for seconds in (0, 239.9999, 241.23456)]
    unit.begin("one", "two", ago=5 * HOUR)
    reads = iter(clock)
    monkeypatch.setattr("sessions.expiry.datetime", SimpleNamespace(now=lambda zone: next(reads).astimezone(zone)))
    assert unit.cleanup({}, None) == {"expired": 2, "seconds": 241.235}
    assert (unit.statistics.started, unit.statistics.cleanups) == ([clock[0]], [LastCleanup(clock[2], 2)])
    *_, line = log_lines()
    assert (line["message"], line["expired"], line["seconds"]) == ("cleanup", 2, 241.235)
    assert measured()["ScheduledRuns"] == ("Count", [1])


def test_the_cleanup_begins_no_page_when_its_time_is_up(unit: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    unit.begin(*map(str, range(201)), ago=5 * HOUR)
    reads = iter([at, at, at + timedelta(seconds=240), at + timedelta(seconds=240)])
    monkeypatch.setattr("sessions.expiry.datetime", SimpleNamespace(now=lambda zone: next(reads).astimezone(zone)))
    assert unit.cleanup({}, None) == {"expired": 200, "seconds": 240.0}


def test_a_silent_database_fails_the_cleanup(unit: Sessions) -> None:
    unit.begin("one", ago=5 * HOUR)
    unit.fakes.database.fail(after=1)
    with pytest.raises(TransientError):
        unit.cleanup({}, None)
    assert (unit.fakes.recorded, unit.statistics.cleanups) == ([], [])


def test_the_relay_publishes_what_the_bus_did_not_take(unit: Sessions) -> None:
    unit.begin(SESSION)
    with unit.fakes.aws.events.failing("put_events"):
        assert unit.request("DELETE", f"/chat/{SESSION}").status == 200
    assert unit.fakes.published == []
    assert ENTRY_POINTS.build("relay", unit.service)({}, None) == {"published": 1}
    assert unit.fakes.published == [unit.fakes.store.events[0].id]


def test_an_operator_has_stored_events_published_again(unit: Sessions) -> None:
    stored = example(SessionDeleted, subject="subject-1", tenant="alice")
    assert_replays(unit.fakes, ENTRY_POINTS.build("on_replays", unit.service), stored, consumer="chat")


def test_a_tenant_is_forgotten(unit: Sessions) -> None:
    unit.begin("one", "two")
    unit.begin("one", tenant=BOB)
    stored = example(SessionDeleted, subject="subject-1", tenant=ALICE)
    assert assert_forgets(unit.fakes, unit.on_events, ALICE, stored) == {"events": 1, "items of sessions": 4}
    assert unit.table.erased == [(ALICE, "one"), (ALICE, "two")]
