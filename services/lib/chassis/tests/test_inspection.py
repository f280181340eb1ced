"""What a service answers an operator about events: from a real Postgres, and never what they say."""

from typing import Any

import pytest

from chassis import inspection, outbox
from chassis.observability import hash_tenant
from chassis.schedule import relay
from chassis.service import Service
from chassis.settings import Settings
from contracts import REGISTRY, Contract, Event, new_event
from contracts.imaging import ImageRejected, ImageRejection
from contracts.personal import personal_paths
from testkit import Fakes
from testkit.fakes import SETTINGS
from testkit.faults import AwsCalls, accepts_events
from testkit.invoking import CONTEXT

Worker = Service[Settings]


def rejected(item: str, *, tenant: str = "tenant-a", correlation: str = "thread") -> Event[ImageRejected]:
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="my secret")
    return new_event(data, subject=item, tenant_id=tenant, correlation_id=correlation)


def record(worker: Worker, event: Event[Any]) -> Event[Contract]:
    with worker.work.on(event.tenant_id, event.subject) as work:
        (recorded,) = work.record(event)
    return recorded


def ask(worker: Worker, **request: Any) -> dict[str, Any]:
    return inspection.answer(worker.database, request)


@pytest.mark.integration
def test_events_are_found_by_their_subject_and_by_their_correlation(worker: Worker) -> None:
    first = record(worker, rejected("item-1", correlation="thread-1"))
    second = record(worker, rejected("item-1", correlation="thread-2"))
    third = record(worker, rejected("item-2", tenant="tenant-b", correlation="thread-2"))
    found = {asked: ask(worker, events=asked)["events"] for asked in ("item-1", "thread-2", "item-2", "nobody")}
    assert {asked: [event["id"] for event in events] for asked, events in found.items()} == {
        "item-1": [first.id, second.id],
        "thread-2": [second.id, third.id],
        "item-2": [third.id],
        "nobody": [],
    }
    (told,) = found["item-2"]
    told.pop("recorded_at")
    assert told == {
        "id": third.id,
        "type": third.type,
        "source": third.source,
        "subject": "item-2",
        "time": third.to_wire()["time"],
        "correlationid": "thread-2",
        "causationid": None,
        "tenant": hash_tenant("tenant-b"),
        "figures": {"reason": "corrupt"},
    }
    assert "my secret" not in str(found)


@pytest.mark.integration
def test_what_was_applied_and_what_is_not_on_the_bus_is_told(worker: Worker, bus_calls: AwsCalls) -> None:
    bus_calls.rules["PutEvents"] = accepts_events(but=lambda entry: True)
    waiting = record(worker, rejected("item-1"))
    bus_calls.rules["PutEvents"] = accepts_events()
    published = record(worker, rejected("item-2"))
    heard = rejected("item-3")
    with worker.work.applying(heard):
        pass
    keys = [[event.source, event.id] for event in (waiting, published, heard)]
    told = ask(worker, deliveries=keys)
    assert [(row["event_id"], row["replay_id"]) for row in told["applied"]] == [(heard.id, "")]
    assert told["unpublished"] == [
        {"event_id": waiting.id, "attempts": 1, "reason": "ThrottlingException: on purpose", "is_parked": False}
    ]
    with worker.database.transaction() as connection:
        (position,) = [row["position"] for row in connection.execute("SELECT position FROM outbox")]
        outbox.fail(connection, {position: outbox.Failure("for good", park_at=1)})
    (parked,) = ask(worker, deliveries=keys)["unpublished"]
    assert (parked["attempts"], parked["reason"], parked["is_parked"]) == (2, "for good", True)
    assert ask(worker, deliveries=[]) == {"applied": [], "unpublished": []}


@pytest.mark.integration
def test_neither_id_is_looked_for_in_every_event(worker: Worker) -> None:
    """A store of many events, as the planner sees it: without its indexes a trace would read all of it."""
    with worker.database.transaction() as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        plans = [
            str(connection.execute(f"EXPLAIN SELECT position FROM events WHERE {condition}", ("x",)).fetchall())
            for condition in ("stream_id = %s", "event ->> 'correlationid' = %s")
        ]
    assert all("Index" in plan for plan in plans), plans
    assert "Seq Scan" not in str(plans)


def test_figures_are_nothing_personal() -> None:
    for contract in (*REGISTRY, *REGISTRY.retired()):
        assert not {path.split("/")[0] for path in personal_paths(contract)}.intersection(inspection.FIGURES), contract


def test_the_relay_answers_and_publishes_nothing_meanwhile(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "recorded", lambda connection, subject: [subject])
    fakes.outbox.documents[1] = {"source": "s", "type": "t"}
    service = fakes.under(Service(Settings(service="imaging", **SETTINGS), fakes.aws))
    assert relay(service)({"inspect": {"events": "item-1"}}, CONTEXT) == {"events": ["item-1"]}
    assert fakes.aws.events.entries == []


@pytest.mark.parametrize("request_", [{}, {"events": 1}, {"deliveries": "x"}, {"delete": "x"}])
def test_another_request_is_refused(fakes: Fakes, request_: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="neither events nor deliveries"):
        inspection.answer(fakes.database, request_)
