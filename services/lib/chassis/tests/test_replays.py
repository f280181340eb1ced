"""Replays on a real store: what is selected, and that nothing is lost or done twice whatever interrupts them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from chassis import inbox
from chassis.errors import TransientError
from chassis.projections import Projections
from chassis.queue import EventConsumer
from chassis.replays import answer, on_replays, pace, pages, rows
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import BEGINNING
from contracts import REGISTRY, Contract, Event, new_event
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted, ItemUploaded
from contracts.operations import (
    OPERATORS,
    ReplayCancelled,
    ReplayPaused,
    ReplayReport,
    ReplayResumed,
    ReplayState,
)
from contracts.sessions import SessionExpired
from testkit import Deploy, dead_letters, deliver, eventually, settled
from testkit.fakes import example
from testkit.faults import AwsCalls
from testkit.replaying import replay_order, reports

pytestmark = pytest.mark.integration

Imaging = Service[Settings]
Published = Callable[[], list[dict[str, Any]]]
MIGRATIONS = Path(__file__).parents[1] / "migrations"
EVENTS = 12


@pytest.fixture
def service(deploy: Deploy) -> Iterator[Imaging]:
    """A service called `imaging`, and the queue of a consumer called `search`."""
    deployment = deploy("imaging", sources=[MIGRATIONS])
    started = Service(Settings(**deployment.settings, max_receives=3, replay_budget_s=60), deployment.aws)
    for queue in ("search-events", "search-events-replayed"):
        deployment.aws.sqs.create_queue(QueueName=f"{started.settings.queue_url.rpartition('/')[2]}{queue}")
    yield started
    started.database.close()


@pytest.fixture
def replays(service: Imaging) -> EventConsumer:
    return on_replays(service)


@pytest.fixture
def stored(service: Imaging) -> list[str]:
    """Ids of the events that the service has recorded, each about an item of its own, of two tenants in turn."""
    ids = []
    for number in range(EVENTS):
        with service.work.on(f"tenant-{number % 2}", f"item-{number}") as work:
            (event,) = work.record(_rejected(number))
        ids.append(event.id)
    settled(service.database.connection())
    return ids


def _rejected(number: int) -> Event[ImageRejected]:
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="The file is broken.")
    return new_event(data, subject=f"item-{number}", tenant_id=f"tenant-{number % 2}")


def _order(order: type[Contract], replay_id: str = "replay-1") -> Event[Contract]:
    return new_event(order.model_validate({"who": "operator", "why": "a test"}), subject=replay_id, tenant_id=OPERATORS)


def _reports(service: Imaging) -> list[Event[ReplayReport]]:
    with service.database.transaction() as connection:
        found = connection.execute("SELECT event FROM events WHERE tenant_id = %s ORDER BY position", (OPERATORS,))
        return reports([REGISTRY.read(row["event"]) for row in found])


def _drain(replays: EventConsumer) -> str:
    """Deliver each report, until none begins a step; returns the last one's state."""
    delivered = 0
    while delivered < len(found := _reports(replays.service)):
        for report in found[delivered:]:
            if report.type in replays.contracts:
                assert deliver(replays, report) == []
        delivered = len(found)
    return found[-1].data.state


def _replayed(published: Published, replay_id: str = "replay-1") -> list[str]:
    return [document["id"] for document in published() if document.get("replayid") == replay_id]


def test_what_is_stored_goes_to_the_one_consumer_in_its_order(
    service: Imaging, replays: EventConsumer, stored: list[str], published: Published
) -> None:
    assert deliver(replays, replay_order("search", ImageRejected)) == []
    with service.work.on("tenant-0", "item-0") as work:
        work.record(_rejected(0))  # since the replay began: it is delivered live
    assert _drain(replays) == "completed"
    assert sorted(_replayed(published)) == sorted(stored)
    first = next(document for document in published() if "replayid" in document)
    assert (first["replayfor"], first["replaykind"], first["time"]) == (
        "search",
        "rebuild",
        _time(service, first["id"]),
    )
    (count,) = _reports(service)[-1].data.counts
    assert (count.selected, count.published, count.left_out) == (EVENTS, EVENTS, 0)


def test_a_large_event_is_serialized_again_without_blanks(
    service: Imaging, replays: EventConsumer, stored: list[str], published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_LARGE", 10)
    assert deliver(replays, replay_order("search", ImageRejected)) == []
    assert _drain(replays) == "completed"
    assert sorted(_replayed(published)) == sorted(stored)


def test_operators_are_told_of_the_latest_replays(service: Imaging, replays: EventConsumer, stored: list[str]) -> None:
    for number in range(3):
        assert deliver(replays, replay_order("search", ImageRejected, replay_id=f"replay-{number}")) == []
    told = [each["id"] for each in answer(service, {"list": 2})["replays"]]
    assert told == ["replay-2", "replay-1"]


def _time(service: Imaging, event_id: str) -> str:
    row = service.database.connection().execute("SELECT event FROM events WHERE event_id = %s", (event_id,)).fetchone()
    assert row is not None
    return str(row["event"]["time"])


def test_a_step_that_dies_between_a_page_and_its_checkpoint_is_taken_up_again(
    service: Imaging,
    replays: EventConsumer,
    stored: list[str],
    published: Published,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace.Pace, "wait", lambda *_: pace.Allowance(look=5, publish=5))
    save, saved = rows.save, list[int]()

    def dies(connection: Any, replay: rows.Replay) -> bool:
        saved.append(replay.checkpoint.position)
        if len(saved) == 2:
            raise TransientError("the process dies")
        return save(connection, replay)

    monkeypatch.setattr(rows, "save", dies)
    deliver(replays, replay_order("search", ImageRejected))
    (begun,) = _reports(service)
    assert len(deliver(replays, begun)) == 1, "the message comes back"
    assert _drain(replays) == "completed"
    ids = _replayed(published)
    assert set(ids) == set(stored), "no gap"
    with service.database.transaction() as connection:
        found = connection.execute("SELECT event_id, position FROM events WHERE event_id = ANY(%s)", (stored,))
        places = {row["event_id"]: row["position"] for row in found}
        # However much of it the pace has allowed at that moment.
        unsaved = [event_id for event_id, position in places.items() if saved[0] < position <= saved[1]]
        assert unsaved
        assert sorted(ids) == sorted([*stored, *unsaved]), "the page that was not saved goes out again"
        fresh = [inbox.add(connection, event) for event in _events(published)]
    assert fresh.count(True) == EVENTS, "the consumer's inbox takes each once"


def _events(published: Published) -> list[Event[Contract]]:
    return [REGISTRY.read(document) for document in published() if "replayid" in document]


def test_the_same_order_twice_is_one_replay(
    service: Imaging, replays: EventConsumer, stored: list[str], published: Published
) -> None:
    order = replay_order("search", ImageRejected)
    for each in (order, order, replay_order("search", ImageRejected)):
        assert deliver(replays, each) == []
    assert _drain(replays) == "completed"
    assert deliver(replays, order, _reports(service)[0]) == []
    assert sorted(_replayed(published)) == sorted(stored)
    assert len(_reports(service)) == 2


def test_pause_resume_and_cancel(
    service: Imaging, replays: EventConsumer, stored: list[str], published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace.Pace, "wait", lambda *_: pace.Allowance(look=5, publish=5))
    save = rows.save

    def paused_meanwhile(connection: Any, replay: rows.Replay) -> bool:
        monkeypatch.setattr(rows, "save", save)
        found = save(connection, replay)
        rows.step(connection, replay, ReplayState.PAUSED)
        return found

    monkeypatch.setattr(rows, "save", paused_meanwhile)
    deliver(replays, replay_order("search", ImageRejected))
    assert _drain(replays) == "running", "the step ends without a report: the order to pause made its own"
    assert len(_replayed(published)) == 10, "the page at which the pause was noticed is not saved"
    assert deliver(replays, _order(ReplayPaused)) == [], "it is paused already"
    assert len(_reports(service)) == 1
    deliver(replays, _order(ReplayResumed))
    assert _drain(replays) == "completed"
    assert set(_replayed(published)) == set(stored)
    deliver(replays, _order(ReplayCancelled))
    assert _reports(service)[-1].data.state == "completed", "what has ended stays as it is"

    deliver(replays, replay_order("search", ImageRejected, replay_id="replay-2"), _order(ReplayCancelled, "replay-2"))
    assert _drain(replays) == "cancelled"
    assert _replayed(published, "replay-2") == []


@pytest.mark.parametrize(
    ("orders", "state"),
    [
        ([(ReplayPaused, 1), (ReplayResumed, 2)], "running"),
        ([(ReplayPaused, 2), (ReplayResumed, 1)], "paused"),
        ([(ReplayCancelled, 1), (ReplayResumed, 2)], "cancelled"),
        ([(ReplayResumed, 2), (ReplayCancelled, 1)], "cancelled"),
    ],
    ids=["resumed since", "paused since", "cancelled stays", "cancelled in the end"],
)
def test_orders_that_overtake_the_request_are_kept(
    service: Imaging, replays: EventConsumer, orders: list[tuple[type[Contract], int]], state: str
) -> None:
    for order, minute in orders:
        moment = datetime(2026, 11, 30, tzinfo=UTC) + timedelta(minutes=minute)
        assert deliver(replays, replace(_order(order), time=moment)) == []
    deliver(replays, replay_order("search", ImageRejected))
    assert _reports(service)[-1].data.state == state


def test_what_a_running_transaction_holds_back_is_waited_for(
    service: Imaging, replays: EventConsumer, stored: list[str], published: Published
) -> None:
    """Events that were delivered live before the replay began may be younger than a transaction that still runs."""
    hasty = on_replays(Service(service.settings.model_copy(update={"replay_budget_s": 1.5}), service.aws))
    other = Service(service.settings, service.aws)
    with other.work.on("tenant-0", "late") as work:
        (late,) = work.record(replace(_rejected(0), subject="late"))
        with service.work.on("tenant-0", "item-0") as younger:
            (hidden,) = younger.record(_rejected(0))
        deliver(replays, replay_order("search", ImageRejected))
        deliver(hasty, *_reports(service))
        assert sorted(_replayed(published)) == sorted(stored)
        assert [report.data.state for report in _reports(service)] == ["running", "running"]
    other.database.close()
    hasty.service.database.close()
    assert _drain(replays) == "completed"
    assert sorted(_replayed(published)) == sorted([*stored, hidden.id, late.id])


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ({"tenants": ["tenant-1"]}, range(1, EVENTS, 2)),
        ({"subjects": ["item-3", "item-4", "nothing"]}, (3, 4)),
        ({"tenants": ["tenant-1"], "subjects": ["item-3", "item-4"]}, (3,)),
        ({"from_position": 2, "to_position": 4}, (1, 2, 3)),
        ({"recorded_since": datetime.now(UTC) + timedelta(hours=1)}, ()),
        ({"recorded_before": datetime.now(UTC) + timedelta(hours=1)}, range(EVENTS)),
    ],
    ids=["tenant", "items", "tenant and items", "positions", "since", "before"],
)
def test_a_selection_narrows(service: Imaging, stored: list[str], narrowed: dict[str, Any], expected: Any) -> None:
    selection = replay_order("search", ImageRejected, **narrowed).data.selection
    parameters: Any = {"types": pages.types_of(service, selection), "deletions": ()}
    with service.database.transaction() as connection:
        found = rows.look(
            connection, selection, after=BEGINNING, until=rows.horizons(connection)[1], limit=99, **parameters
        )
        total = sum(rows.count(connection, selection, **parameters).values())
    places = [place for place, each in enumerate(found) if each.document is not None]
    assert (places, total) == (list(expected), len(places))
    assert answer(service, {"count": selection.model_dump(mode="json")})["counts"] == (
        {ImageRejected.event_type: total} if total else {}
    )


class Deleting(Service[Settings]):
    """A service in which deletions leave tombstones."""

    @property
    def projections(self) -> Projections:
        return Projections(deletions={ItemDeleted: lambda connection, event: None})


def test_of_a_deleted_item_nothing_is_published_again_but_its_deletion(deploy: Deploy) -> None:
    deployment = deploy("ingest", sources=[MIGRATIONS])
    ingest = Deleting(Settings(**deployment.settings), deployment.aws)
    for subject in ("kept", "gone"):
        with ingest.work.on("tenant-0", subject) as work:
            work.record(example(ItemUploaded, subject=subject, tenant="tenant-0"))
    with ingest.work.on("tenant-0", "gone") as work:
        work.record(new_event(ItemDeleted(), subject="gone", tenant_id="tenant-0"))
    selection = replay_order("search", ItemUploaded, ItemDeleted).data.selection
    counts = answer(ingest, {"count": selection.model_dump(mode="json")})["counts"]
    ingest.database.close()
    assert counts == {ItemUploaded.event_type: 1, ItemDeleted.event_type: 1}


def test_an_older_major_is_upcast_on_the_way(deploy: Deploy) -> None:
    deployment = deploy("sessions", sources=[MIGRATIONS])
    sessions = Service(Settings(**deployment.settings), deployment.aws)
    old = json.loads(
        json.dumps(new_event(ItemDeleted(), subject="session-1", tenant_id="tenant-0", event_id="old").to_wire())
    ) | {
        "source": "collections.sessions",
        "type": "collections.sessions.session-expired.v1",
        "dataschema": "urn:collections:contract:sessions.session-expired:1.0",
        "data": {"reason": "idle", "last_activity": "2026-11-22T09:30:00Z"},
    }
    sessions.database.connection().execute(
        "INSERT INTO events (event_id, tenant_id, stream_id, stream_version, type, event)"
        " VALUES ('old', 'tenant-0', 'session-1', 1, %s, %s)",
        (old["type"], Jsonb(old)),
    )
    for queue in ("chat-events", "chat-events-replayed"):
        deployment.aws.sqs.create_queue(QueueName=f"{sessions.settings.queue_url.rpartition('/')[2]}{queue}")
    replays = on_replays(sessions)
    deliver(replays, replay_order("chat", SessionExpired))
    with AwsCalls(sessions.aws.events) as calls:
        assert _drain(replays) == "completed"
    (entry,) = [entry for call in calls.of("PutEvents") for entry in call["Entries"] if '"replayid"' in entry["Detail"]]
    (count,) = _reports(sessions)[-1].data.counts
    sessions.database.close()
    assert (count.type, count.published) == (old["type"], 1)
    assert entry["DetailType"] == SessionExpired.event_type
    REGISTRY.read(json.loads(entry["Detail"]))


def test_an_order_that_cannot_be_followed_is_a_dead_letter(service: Imaging, replays: EventConsumer) -> None:
    assert deliver(replays, replay_order("nobody", ImageRejected)) == []
    (letter,) = eventually(lambda: dead_letters(service.aws.sqs, service.settings.dead_letter_queue_url))
    assert (letter.reason, "nobody" in letter.detail) == ("no-such-consumer", True)
    assert _reports(service) == []
