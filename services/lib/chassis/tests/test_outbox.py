"""The outbox: what the bus refuses, what a crash leaves behind, several pages, several relays."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

import psycopg
import pytest

from chassis.errors import CommitUnknownError, TransientError
from chassis.observability import metrics
from chassis.outbox import CLAIM_S, GRACE_S, MAX_ATTEMPTS, claim, count_parked, parked, publish, relay, retry_parked
from chassis.service import Service
from chassis.settings import Settings
from contracts import Event, new_event
from contracts.imaging import ImageRejected, ImageRejection
from testkit.faults import AwsCalls, accepts_events, at_once, fails, losing_connection

pytestmark = pytest.mark.integration

Worker = Service[Settings]
LogLines = Callable[[], list[dict[str, Any]]]
Measured = Callable[[], dict[str, tuple[str, list[float]]]]


def rejected(item: str = "item-1") -> Event[ImageRejected]:
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="The file is broken.")
    return new_event(data, subject=item, tenant_id="tenant-a")


class LeaveBehind(Protocol):
    """Records so many events of the item as a process that dies before it publishes; `aged_s` seconds ago."""

    def __call__(self, item: str, events: int, *, aged_s: float = 60) -> None: ...


@pytest.fixture
def leave_behind(worker: Worker, bus_calls: AwsCalls) -> LeaveBehind:
    def leave(item: str, events: int, *, aged_s: float = 60) -> None:
        accepts = bus_calls.rules["PutEvents"]
        bus_calls.rules["PutEvents"] = fails()
        with worker.work.on("tenant-a", item) as work:
            work.record(*[rejected(item) for _ in range(events)])
        worker.database.connection().execute(
            "UPDATE outbox SET recorded_at = now() - make_interval(secs => %s)"
            " WHERE position IN (SELECT position FROM events WHERE stream_id = %s)",
            (aged_s, item),
        )
        bus_calls.rules["PutEvents"] = accepts
        bus_calls.made.clear()

    return leave


def queued(worker: Worker) -> list[str]:
    """What the outbox holds, as item and version."""
    rows = worker.database.connection().execute(
        "SELECT stream_id, stream_version FROM outbox JOIN events USING (position) ORDER BY position"
    )
    return [f"{row['stream_id']}/{row['stream_version']}" for row in rows]


def sent(calls: AwsCalls) -> list[str]:
    """What was put on the bus, accepted or not, as item and version."""
    details = [json.loads(entry["Detail"]) for call in calls.of("PutEvents") for entry in call["Entries"]]
    return [f"{detail['subject']}/{detail['sequence']}" for detail in details]


def of_item(item: str) -> Callable[[dict[str, Any]], bool]:
    return lambda entry: json.loads(entry["Detail"])["subject"] == item


def second(entry: dict[str, Any]) -> bool:
    return bool(json.loads(entry["Detail"])["sequence"] == "2")


def test_what_the_bus_refuses_stays_in_the_outbox(worker: Worker, bus_calls: AwsCalls) -> None:
    bus_calls.rules["PutEvents"] = accepts_events(but=second)
    with worker.work.on("tenant-a", "item-1") as work:
        work.record(rejected(), rejected(), rejected())
    assert sent(bus_calls) == ["item-1/1", "item-1/2", "item-1/3"]
    assert queued(worker) == ["item-1/2"]


def test_a_bus_that_is_away_costs_no_fact(worker: Worker, bus_calls: AwsCalls, log_lines: LogLines) -> None:
    bus_calls.rules["PutEvents"] = fails("InternalException")
    with worker.work.on("tenant-a", "item-1") as work:
        work.record(rejected(), rejected())
    assert queued(worker) == ["item-1/1", "item-1/2"]
    (line,) = log_lines()
    assert (line["level"], line["message"], line["events"]) == ("WARNING", "left to the relay", 2)
    assert "InternalException" in line["error"]


def test_a_session_that_ends_after_the_publication_costs_no_fact(
    worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    """The relay will publish it once more."""
    leave_behind("item-1", 1)
    rows = worker.database.connection().execute("SELECT position, event FROM events").fetchall()
    with losing_connection(worker.database, "DELETE FROM outbox"):
        publish(worker.database, worker.bus, [(row["position"], row["event"]) for row in rows])
    assert sent(bus_calls) == queued(worker) == ["item-1/1"]


def test_nothing_recorded_calls_nobody(worker: Worker, bus_calls: AwsCalls) -> None:
    with worker.work.on("tenant-a", "item-1"):
        pass
    assert bus_calls.made == []


def test_nothing_is_published_of_a_commit_that_failed(worker: Worker, bus_calls: AwsCalls) -> None:
    with (
        pytest.raises(TransientError),
        losing_connection(worker.database, "COMMIT"),
        worker.work.on("tenant-a", "item-1") as work,
    ):
        work.record(rejected())
    assert bus_calls.made == []


@pytest.mark.parametrize("executed", [True, False])
def test_a_commit_whose_connection_is_lost_is_of_unknown_outcome(executed: bool, worker: Worker) -> None:
    with (
        pytest.raises(CommitUnknownError, match="during COMMIT"),
        losing_connection(worker.database, "COMMIT", executed=executed),
        worker.work.on("tenant-a", "item-1") as work,
    ):
        work.record(rejected())
    assert len(queued(worker)) == executed, "and both happen"


def test_a_commit_that_the_server_refuses_left_nothing(worker: Worker) -> None:
    connection = worker.database.connection()
    connection.execute("CREATE TABLE twice (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with (
        pytest.raises(psycopg.errors.UniqueViolation),
        worker.work.on("tenant-a", "item-1") as work,
    ):
        work.connection.execute("INSERT INTO twice VALUES (1), (1)")
    with pytest.raises(TransientError) as raised, worker.database.transaction() as open_transaction:
        open_transaction.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
        time.sleep(0.1)
    assert type(raised.value) is TransientError


def test_what_was_committed_without_an_answer_is_left_to_the_relay(worker: Worker, bus_calls: AwsCalls) -> None:
    with (
        pytest.raises(TransientError),
        losing_connection(worker.database, "COMMIT", executed=True),
        worker.work.on("tenant-a", "item-1") as work,
    ):
        work.record(rejected())
    assert queued(worker) == ["item-1/1"]
    assert bus_calls.made == []
    assert relay(worker.database, worker.bus, grace_s=0) == 1
    assert sent(bus_calls) == ["item-1/1"]


def test_the_relay_keeps_what_the_bus_refuses_and_says_so(
    worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    leave_behind("item-1", 3)
    bus_calls.rules["PutEvents"] = accepts_events(but=second)
    with pytest.raises(TransientError, match=r"^the bus refused 1 events$"):
        worker.relay()
    assert queued(worker) == ["item-1/2"]
    bus_calls.rules["PutEvents"] = accepts_events()
    assert worker.relay() == 1
    assert queued(worker) == []


def test_the_relay_keeps_everything_when_the_bus_is_away(
    worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    leave_behind("item-1", 2)
    bus_calls.rules["PutEvents"] = fails()
    with pytest.raises(TransientError, match="InternalError"):
        worker.relay()
    assert queued(worker) == ["item-1/1", "item-1/2"]


@pytest.mark.parametrize("events", [99, 100, 101, 230])
def test_the_relay_goes_on_to_the_last_page_oldest_first(
    events: int, worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    leave_behind("item-1", events)
    assert worker.relay() == events
    assert sent(bus_calls) == [f"item-1/{version}" for version in range(1, events + 1)]
    assert queued(worker) == []


def test_a_page_is_committed_before_the_next_one_is_read(
    worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    leave_behind("first", 100)
    leave_behind("last", 1)
    accepts = accepts_events()

    def away_in_the_second_page(call: dict[str, Any]) -> Any:
        return fails()(call) if any(map(of_item("last"), call["Entries"])) else accepts(call)

    bus_calls.rules["PutEvents"] = away_in_the_second_page
    with pytest.raises(TransientError):
        worker.relay()
    assert queued(worker) == ["last/1"]


@pytest.mark.parametrize(("aged_s", "published"), [(GRACE_S - 5, 0), (GRACE_S + 1, 1)])
def test_the_relay_leaves_young_rows_to_who_recorded_them(
    aged_s: float, published: int, worker: Worker, leave_behind: LeaveBehind
) -> None:
    assert GRACE_S == 10
    leave_behind("item-1", 1, aged_s=aged_s)
    assert worker.relay() == published


def test_rows_that_one_relay_is_publishing_are_skipped_by_another(
    worker: Worker, new_worker: Callable[[], Worker], bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    leave_behind("item-1", 3)
    other, accepts, published_meanwhile = new_worker(), accepts_events(), []

    def another_relay_runs(call: dict[str, Any]) -> Any:
        bus_calls.rules["PutEvents"] = accepts
        published_meanwhile.append(other.relay())
        return accepts(call)

    bus_calls.rules["PutEvents"] = another_relay_runs
    assert worker.relay() == 3
    assert published_meanwhile == [0]
    assert sent(bus_calls) == ["item-1/1", "item-1/2", "item-1/3"]


def test_relays_side_by_side_publish_each_row_once(
    new_worker: Callable[[], Worker], bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    leave_behind("item-1", 250)
    workers = [new_worker() for _ in range(3)]
    assert sum(at_once(*[each.relay for each in workers])) == 250
    assert sorted(sent(bus_calls)) == sorted(f"item-1/{version}" for version in range(1, 251))


def refusing(item: str, code: str) -> Callable[[dict[str, Any]], Any]:
    """EventBridge refuses the events of that item with this code."""

    def rule(call: dict[str, Any]) -> Any:
        results = [
            {"ErrorCode": code, "ErrorMessage": "on purpose"} if of_item(item)(entry) else {"EventId": "1"}
            for entry in call["Entries"]
        ]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    return rule


def row_of(worker: Worker, item: str) -> dict[str, Any]:
    row = (
        worker.database.connection()
        .execute("SELECT outbox.* FROM outbox JOIN events USING (position) WHERE stream_id = %s", (item,))
        .fetchone()
    )
    assert row is not None
    return row


def test_no_lock_and_no_transaction_is_held_while_the_bus_is_asked(
    worker: Worker, new_worker: Callable[[], Worker], bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    leave_behind("item-1", 3)
    other, accepts, seen = new_worker().database.connection(), accepts_events(), []

    def look(call: dict[str, Any]) -> Any:
        with other.transaction():
            seen.append(len(other.execute("SELECT 1 FROM outbox FOR UPDATE NOWAIT").fetchall()))
        open_transactions = other.execute(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database() AND usename = current_user AND backend_xmin IS NOT NULL"
        ).fetchone()
        assert open_transactions == {"n": 0}
        return accepts(call)

    bus_calls.rules["PutEvents"] = look
    assert worker.relay() == 3
    with worker.work.on("tenant-a", "item-2") as work:
        work.record(rejected("item-2"))
    assert seen == [3, 1]


def test_what_the_bus_took_before_it_fell_silent_is_not_published_again(
    worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    leave_behind("item-1", 35)
    accepts, answered = accepts_events(), []

    def silent_from_the_third_call(call: dict[str, Any]) -> Any:
        answered.append(call)
        return accepts(call) if len(answered) < 3 else fails()(call)

    bus_calls.rules["PutEvents"] = silent_from_the_third_call
    with pytest.raises(TransientError):
        worker.relay()
    assert queued(worker) == [f"item-1/{version}" for version in range(21, 36)]
    rows = worker.database.connection().execute("SELECT attempts, claimed_until FROM outbox ORDER BY position")
    assert [(row["attempts"], row["claimed_until"]) for row in rows] == [(1, None)] * 10 + [(0, None)] * 5


def test_what_a_dead_relay_claimed_is_published_when_its_claim_ends(
    worker: Worker, new_worker: Callable[[], Worker], leave_behind: LeaveBehind
) -> None:
    leave_behind("item-1", 2)
    with new_worker().database.transaction() as connection:
        assert len(claim(connection, grace_s=GRACE_S, limit=10)) == 2
    assert worker.relay() == 0
    worker.database.connection().execute(
        "UPDATE outbox SET claimed_until = claimed_until - make_interval(secs => %s)", (CLAIM_S,)
    )
    assert worker.relay() == 2


def test_each_failure_doubles_the_wait(worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind) -> None:
    leave_behind("item-1", 1, aged_s=GRACE_S + 1)
    bus_calls.rules["PutEvents"] = accepts_events(but=of_item("item-1"))
    with pytest.raises(TransientError):
        worker.relay()
    assert worker.relay() == 0, "it has not waited twice as long yet"
    row = row_of(worker, "item-1")
    assert (row["attempts"], row["reason"], row["parked_at"]) == (2, "ThrottlingException: on purpose", None)
    worker.database.connection().execute("UPDATE outbox SET recorded_at = recorded_at - make_interval(secs => 11)")
    bus_calls.rules["PutEvents"] = accepts_events()
    assert worker.relay() == 1


def test_what_the_bus_refuses_for_good_is_parked_and_stops_nobody(
    worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind, log_lines: LogLines, measured: Measured
) -> None:
    leave_behind("bad", 1)
    leave_behind("good", 120)
    log_lines_before = len(log_lines())
    bus_calls.rules["PutEvents"] = refusing("bad", "MalformedDetail")
    assert worker.relay() == 120
    assert queued(worker) == ["bad/1"], "it is kept"
    (event,) = parked(worker.database.connection())
    assert (event.type, event.reason) == ("collections.imaging.image-rejected.v1", "MalformedDetail: on purpose")
    bus_calls.made.clear()
    assert worker.relay() == 0
    assert sent(bus_calls) == [], "nobody tries it again"
    lines = log_lines()[log_lines_before:]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("ERROR", "event parked: the bus refuses it"),
        ("ERROR", "parked events wait"),
    ]
    described = asdict(event) | {"parked_at": event.parked_at.isoformat()}
    assert [line["events"] for line in lines] == [[described], [described]]
    assert lines[1]["count"] == 1
    metrics.flush_metrics()
    counted = {name: values for name, values in measured().items() if "Parked" in name}
    assert counted == {"EventsParked": ("Count", [1]), "OutboxParked": ("Count", [1])}
    assert retry_parked(worker.database.connection(), [event.event_id]) == 1
    bus_calls.rules["PutEvents"] = accepts_events()
    assert worker.relay() == 1
    assert queued(worker) == []


def test_parked_events_are_counted_listed_by_pages_and_tried_again_one_by_one(
    worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind, measured: Measured
) -> None:
    leave_behind("bad", 101)
    leave_behind("waiting", 1, aged_s=0)
    bus_calls.rules["PutEvents"] = refusing("bad", "MalformedDetail")
    assert worker.relay() == 0
    connection = worker.database.connection()
    first, rest = parked(connection), parked(connection, after=100)
    assert (len(first), len(rest), count_parked(connection)) == (100, 1, 101)
    assert [event.position for event in first + rest] == sorted(event.position for event in first + rest)
    assert parked(connection, after=first[0].position, limit=1) == [first[1]]
    leave_behind("good", 1)
    bus_calls.rules["PutEvents"] = fails()
    with pytest.raises(TransientError):
        worker.relay()
    metrics.flush_metrics()
    assert measured()["OutboxParked"] == ("Count", [101]), "also while the bus is away"
    assert retry_parked(connection, [first[3].event_id, rest[0].event_id, "no-such-event"]) == 2
    assert count_parked(connection) == 99
    assert retry_parked(connection, [first[3].event_id]) == 0, "it is not parked any more"
    bus_calls.rules["PutEvents"] = accepts_events()
    assert worker.relay() == 3


def test_what_the_bus_refuses_again_and_again_is_parked(
    worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    leave_behind("bad", 1)
    bus_calls.rules["PutEvents"] = refusing("bad", "InternalFailure")
    for _ in range(MAX_ATTEMPTS - 1):
        assert row_of(worker, "bad")["parked_at"] is None
        with pytest.raises(TransientError):
            relay(worker.database, worker.bus, grace_s=0)
    assert row_of(worker, "bad")["parked_at"] is not None
    assert relay(worker.database, worker.bus, grace_s=0) == 0


def test_an_entry_that_breaks_every_call_it_is_in_is_left_alone_at_last(
    worker: Worker, bus_calls: AwsCalls, leave_behind: LeaveBehind
) -> None:
    """The bus never says which entry it is: calls with it fail as if the bus were away, which parks nothing."""
    leave_behind("bad", 1)
    leave_behind("good", 20)
    accepts = accepts_events()

    def breaks(call: dict[str, Any]) -> Any:
        return fails()(call) if any(map(of_item("bad"), call["Entries"])) else accepts(call)

    bus_calls.rules["PutEvents"] = breaks
    for _ in range(4):
        with pytest.raises(TransientError):
            relay(worker.database, worker.bus, grace_s=0)
    assert queued(worker) == ["bad/1"]
    assert row_of(worker, "bad")["parked_at"] is None


def test_who_recorded_slowly_leaves_the_rows_to_the_relay(
    worker: Worker, bus_calls: AwsCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay may be publishing them already."""
    with worker.work.on("tenant-a", "item-1") as work:
        work.record(rejected())
        work.recorded_since -= GRACE_S
    assert (bus_calls.made, queued(worker)) == ([], ["item-1/1"])
    assert relay(worker.database, worker.bus, grace_s=0) == 1
