"""What a service answers an operator about events: from a real Postgres, and never what they say."""

import json
from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest

from chassis import folding, inspection, outbox, tombstones
from chassis.audit.masks import MASKS, masked
from chassis.database import Connection
from chassis.folding import without_persons
from chassis.observability import hash_tenant
from chassis.projections import Projections
from chassis.schedule import relay
from chassis.service import Service
from chassis.settings import Settings
from contracts import REGISTRY, Contract, Event, new_event
from contracts.embedding import EmbeddedPassage, ItemEmbedded, blank_vector, encode_vector
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted, UploadRejected, UploadRejection
from contracts.personal import personal_paths
from testkit import Fakes
from testkit.contract_tests.examples import published_version_cases
from testkit.fakes import SETTINGS, example
from testkit.faults import AwsCalls, accepts_events
from testkit.invoking import CONTEXT
from workspace import REPOSITORY

Worker = Service[Settings]


def rejected(item: str, *, tenant: str = "tenant-a", correlation: str = "thread") -> Event[ImageRejected]:
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="my secret")
    return new_event(data, subject=item, tenant_id=tenant, correlation_id=correlation)


def record(worker: Worker, event: Event[Any]) -> Event[Contract]:
    with worker.work.on(event.tenant_id, event.subject) as work:
        (recorded,) = work.record(event)
    return recorded


def ask(worker: Worker, **request: Any) -> dict[str, Any]:
    return inspection.answer(worker, request)


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


@pytest.mark.integration
def test_the_past_is_told_up_to_a_moment_without_the_tenant(worker: Worker) -> None:
    first = record(worker, rejected("item-1"))
    record(worker, rejected("item-1"))
    record(worker, rejected("item-2"))
    until = first.time.isoformat()
    (told,) = ask(worker, history="item-1", until=until)["history"]
    assert (told["id"], told["tenantid"]) == (first.id, hash_tenant("tenant-a"))
    assert ask(worker, history="item-1", until="2020-01-01T00:00:00+00:00") == {"history": []}


@pytest.mark.integration
def test_an_answer_has_at_most_so_many_events(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [record(worker, rejected("item-1")) for _ in range(3)]
    monkeypatch.setattr(inspection, "MAX_EVENTS", 2)
    history = ask(worker, history="item-1", until=events[-1].time.isoformat())["history"]
    for found in (history, ask(worker, events="item-1")["events"]):
        assert [event["id"] for event in found] == [event.id for event in events[:2]]


@pytest.mark.integration
def test_the_past_is_folded_apart_from_the_live_tables(worker: Worker) -> None:
    deleting = Deleting(worker.settings, worker.aws)
    deleting.__dict__["database"] = worker.database
    gone = new_event(ItemDeleted(), subject="item-1", tenant_id="tenant-a")
    tombstone = {"tenant_id": "tenant-a", "subject": "item-1", "deleted_at": ANY, "is_erased": True}
    folded = {"tables": {"tombstones": [tombstone]}}
    for _ in range(2):
        assert inspection.answer(deleting, {"fold": [gone.to_wire()]}) == folded
    assert inspection.answer(deleting, {"fold": []}) == {"tables": {}}
    with worker.database.transaction() as connection:
        assert not tombstones.is_deleted(connection, "tenant-a", "item-1")


class Deleting(Service[Settings]):
    """A service that folds deletions."""

    @property
    def projections(self) -> Projections:
        return Projections(deletions={ItemDeleted: lambda connection, event: None})


@pytest.mark.parametrize("contract", [*REGISTRY, *REGISTRY.retired()], ids=lambda contract: contract.event_type)
def test_events_without_persons_can_be_folded(contract: type[Contract]) -> None:
    for case in published_version_cases(REPOSITORY / "contracts", contract.event_type):
        for document in case.documents().values():
            told = without_persons(document, document["tenantid"])
            assert REGISTRY.read(told).id == document["id"]
            assert document["tenantid"] not in str(told)


def test_personal_texts_are_masked() -> None:
    data = UploadRejected(original_filename="my holiday.png", size=7, reason=UploadRejection.EMPTY, detail="d")
    document = new_event(data, subject="item-1", tenant_id="tenant-a").to_wire()
    told = without_persons(document, "tenant-a")
    assert told == document | {
        "tenantid": hash_tenant("tenant-a"),
        "data": document["data"] | {"original_filename": "***"},
    }


def test_figures_are_nothing_personal() -> None:
    for contract in (*REGISTRY, *REGISTRY.retired()):
        assert not {path.split("/")[0] for path in personal_paths(contract)}.intersection(inspection.FIGURES), contract


def test_the_relay_answers_and_publishes_nothing_meanwhile(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "recorded", lambda connection, subject: [subject])
    fakes.outbox.documents[1] = {"source": "s", "type": "t"}
    service = fakes.under(Service(Settings(service="imaging", **SETTINGS), fakes.aws))
    assert relay(service)({"inspect": {"events": "item-1"}}, CONTEXT) == {"events": ["item-1"]}
    assert fakes.aws.events.entries == []


@pytest.mark.parametrize("request_", [{}, {"events": 1}, {"deliveries": "x"}, {"history": "x"}, {"delete": "x"}])
def test_another_request_is_refused(fakes: Fakes, request_: dict[str, Any]) -> None:
    service = fakes.under(Service(Settings(service="imaging", **SETTINGS), fakes.aws))
    with pytest.raises(ValueError, match="not a request that is answered"):
        inspection.answer(service, request_)


@pytest.mark.integration
def test_times_are_told_and_deliveries_in_their_order(worker: Worker) -> None:
    event = record(worker, rejected("item-1"))
    with worker.database.transaction() as connection:
        connection.execute(
            "INSERT INTO inbox (source, event_id, replay_id, received_at) VALUES (%s, %s, 'r', '2026-11-30T01:00Z'),"
            " (%s, %s, '', '2026-11-30T00:00Z'), ('another', %s, '', now())",
            (event.source, event.id, event.source, event.id, event.id),
        )
        connection.execute("INSERT INTO outbox (position) SELECT position FROM events ON CONFLICT DO NOTHING")
        (row,) = connection.execute("SELECT recorded_at FROM events")
    assert ask(worker, events="item-1")["events"][0]["recorded_at"] == row["recorded_at"].isoformat()
    told = ask(worker, deliveries=[[event.source, event.id]])
    assert [each["replay_id"] for each in told["applied"]] == ["", "r"]
    times = [datetime.fromisoformat(each["received_at"]) for each in told["applied"]]
    assert times == [datetime(2026, 11, 30, hour, tzinfo=UTC) for hour in (0, 1)]
    assert told["unpublished"] == [{"event_id": event.id, "attempts": 0, "reason": "", "is_parked": False}]


@pytest.mark.integration
def test_tables_that_are_no_projections_are_folded_and_not_told(worker: Worker) -> None:
    """A fold may write bookkeeping: what it writes there is gone with the transaction."""

    def fold(connection: Connection, event: Event[ImageRejected]) -> None:
        connection.execute("INSERT INTO inbox (source, event_id, replay_id) VALUES ('s', %s, '')", (event.id,))

    schema, event = worker.settings.database_schema, rejected("item-1")
    with worker.database.transaction() as connection:
        assert folding.fold(connection, schema, Projections({ImageRejected: fold}), [event.to_wire()]) == {}
        assert connection.execute("SELECT event_id FROM inbox").fetchall() == [{"event_id": event.id}]
    assert ask(worker, deliveries=[["s", event.id]])["applied"] == []


def test_a_vector_that_is_told_says_nothing() -> None:
    document = example(ItemEmbedded, subject="item-1", tenant="tenant-a").to_wire()
    told = without_persons(document, "tenant-a")
    assert told["data"]["vector"] == blank_vector(document["data"]["dimensions"])
    assert told["data"].keys() == document["data"].keys()


def test_passages_say_nothing_of_a_person_and_can_be_folded() -> None:
    part = EmbeddedPassage(start=10, end=20, vector=encode_vector([0.1, 0.9]))
    fact = example(ItemEmbedded, subject="item-1", tenant="tenant-a", dimensions=2, passages=(part, part))
    document = fact.to_wire()
    told = without_persons(document, "tenant-a")
    assert told["data"]["passages"] == [{"start": 0, "end": 0, "vector": blank_vector(2)}] * 2
    for mask in MASKS:
        hidden = ItemEmbedded.model_validate_json(json.dumps(mask(masked(document, "tenant-a"))["data"]))
        assert [each.vector for each in hidden.passages] == [hidden.vector] * 2
        assert hidden.vector != part.vector
