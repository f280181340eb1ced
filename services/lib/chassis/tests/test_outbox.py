"""The outbox: what the bus refuses, what a crash leaves behind, several pages, several relays."""

import json
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from chassis.errors import TransientError
from chassis.outbox import GRACE_S, publish, relay
from chassis.service import Service
from chassis.settings import Settings
from contracts import Event, new_event
from contracts.imaging import ImageRejected, ImageRejection
from testkit.faults import AwsCalls, accepts_events, at_once, fails, losing_connection

pytestmark = pytest.mark.integration

Worker = Service[Settings]
LogLines = Callable[[], list[dict[str, Any]]]


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
