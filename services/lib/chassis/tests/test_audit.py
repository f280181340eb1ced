"""What a service answers an audit: from a real Postgres, and never what events say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis import audit, outbox
from chassis.audit import log
from chassis.audit.masks import MASKS, masked
from chassis.observability import hash_tenant
from chassis.projections import Projections
from chassis.schedule import relay
from chassis.service import Service
from chassis.settings import Settings
from contracts import REGISTRY, Contract, Event, new_event
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted, UploadRejected, UploadRejection
from testkit import Fakes, settled
from testkit.contract_tests.examples import published_version_cases
from testkit.fakes import SETTINGS
from testkit.faults import AwsCalls, accepts_events
from testkit.invoking import CONTEXT
from workspace import REPOSITORY

Worker = Service[Settings]
TENANT = hash_tenant("tenant-a")
BEGINNING = [0, 0]


class Deleting(Service[Settings]):
    """A service that folds deletions: their tombstones are its projection."""

    @property
    def projections(self) -> Projections:
        return Projections(deletions={ItemDeleted: lambda connection, event: None})


@pytest.fixture
def deleting(worker: Worker) -> Worker:
    service = Deleting(worker.settings, worker.aws)
    vars(service)["database"] = worker.database
    return service


def rejected(item: str, *, tenant: str = "tenant-a") -> Event[ImageRejected]:
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="d")
    return new_event(data, subject=item, tenant_id=tenant)


def deleted(item: str) -> Event[ItemDeleted]:
    return new_event(ItemDeleted(), subject=item, tenant_id="tenant-a")


def record(worker: Worker, event: Event[Any]) -> Event[Contract]:
    with worker.work.on(event.tenant_id, event.subject) as work:
        (recorded,) = work.record(event)
    return recorded


def ask(worker: Worker, **request: Any) -> dict[str, Any]:
    settled(worker.database.connection())
    return audit.answer(worker, request)


@pytest.mark.integration
def test_recorded_events_are_told_page_by_page(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [record(worker, rejected(f"item-{at}", tenant=f"tenant-{'ab'[at % 2]}")) for at in range(3)]
    monkeypatch.setattr(log, "PAGE", 2)
    first = ask(worker, recorded=BEGINNING)
    second = ask(worker, recorded=first["next"])
    told = [*first["events"], *second["events"]]
    assert [event[0] for event in told] == [event.id for event in events]
    assert told[1][1:4] == [events[1].type, "item-1", hash_tenant("tenant-b")]
    assert (len(first["events"]), second["next"]) == (2, None)
    assert "tenant-a" not in str(told)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("narrowed", "items"),
    [
        ({"tenant": "tenant-a"}, ["item-0"]),
        ({"tenant": hash_tenant("tenant-b")}, ["item-1"]),
        ({"subjects": ["item-1", "item-7"]}, ["item-1"]),
        ({"since": "2999-01-01T00:00:00+00:00"}, []),
    ],
)
def test_recorded_events_are_narrowed(worker: Worker, narrowed: dict[str, Any], items: list[str]) -> None:
    for at in range(2):
        record(worker, rejected(f"item-{at}", tenant=f"tenant-{'ab'[at]}"))
    assert [event[2] for event in ask(worker, recorded=BEGINNING, **narrowed)["events"]] == items


@pytest.mark.integration
def test_what_is_not_on_the_bus_says_so(worker: Worker, bus_calls: AwsCalls) -> None:
    record(worker, rejected("published"))
    bus_calls.rules["PutEvents"] = accepts_events(but=lambda entry: True)
    record(worker, rejected("parked"))
    record(worker, rejected("waiting"))
    with worker.database.transaction() as connection:
        first, _ = [row["position"] for row in connection.execute("SELECT position FROM outbox ORDER BY position")]
        outbox.fail(connection, {first: outbox.Failure("for good", park_at=1)})
    states = {event[2]: event[5] for event in ask(worker, recorded=BEGINNING)["events"]}
    assert states == {"published": "", "parked": "parked", "waiting": "waiting"}


@pytest.mark.integration
def test_what_the_inbox_lacks_is_told_and_what_came_by_replays_alone(worker: Worker) -> None:
    live, again, lost = (rejected(f"item-{at}") for at in range(3))
    with worker.database.transaction() as connection:
        connection.execute(
            "INSERT INTO inbox (source, event_id, replay_id) VALUES (%s, %s, ''), (%s, %s, 'r'), (%s, %s, 'r')",
            (live.source, live.id, live.source, live.id, again.source, again.id),
        )
    told = ask(worker, applied={live.source: [live.id, again.id, lost.id], "another": [live.id]})
    assert told == {"missing": [lost.id, live.id], "replayed": {again.id: ["r"]}}
    assert ask(worker, applied={}) == {"missing": [], "replayed": {}}


@pytest.mark.integration
def test_the_history_of_subjects_is_masked_and_of_deleted_ones_their_end(
    deleting: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = record(deleting, rejected("item-1"))
    record(deleting, rejected("item-1", tenant="tenant-b"))
    record(deleting, rejected("item-2"))
    end = record(deleting, deleted("item-2"))
    wanted = [[TENANT, "item-1"], [TENANT, "item-2"], ["nobody", "item-1"]]
    told = ask(deleting, history=wanted, until=datetime.now(UTC).isoformat())
    assert [document["id"] for document in told["documents"]] == [kept.id, end.id]
    assert {document["tenantid"] for document in told["documents"]} == {TENANT}
    assert told["rest"] == []
    monkeypatch.setattr(log, "_ROOM", 100)
    cut = ask(deleting, history=wanted, until=datetime.now(UTC).isoformat())
    assert [document["id"] for document in cut["documents"]] == [kept.id]
    assert cut["rest"] == [(TENANT, "item-2"), ("nobody", "item-1")]
    assert ask(deleting, history=wanted, until="2020-01-01T00:00:00Z")["documents"] == []


@pytest.mark.integration
def test_rows_that_are_missing_stale_or_of_no_event_are_found(deleting: Worker) -> None:
    ends = [deleted(item) for item in ("sound", "missing", "stale")]
    for end in ends:
        with deleting.work.applying(end) as work:
            work.fold(end)
    subjects = [[TENANT, item] for item in ("sound", "missing", "stale", "extra", "unknown")]
    documents = [masked(end.to_wire(), end.tenant_id) for end in ends]
    sound = ask(deleting, compare=subjects, documents=documents)
    assert sound == {"differences": [], "refused": [], "not_compared": []}
    with deleting.database.transaction() as connection:
        connection.execute("DELETE FROM tombstones WHERE tenant_id = 'tenant-a' AND subject = 'missing'")
        connection.execute("UPDATE tombstones SET deleted_at = '2020-01-01' WHERE subject = 'stale'")
        connection.execute("INSERT INTO tombstones VALUES ('tenant-a', 'extra', now()), ('tenant-b', 'sound', now())")
    found = ask(deleting, compare=subjects, documents=documents)["differences"]
    common = {"tenant": TENANT, "table": "tombstones", "key": {}, "columns": []}
    assert found == [
        {**common, "subject": "missing", "kind": "missing"},
        {**common, "subject": "stale", "kind": "stale", "columns": ["deleted_at"]},
        {**common, "subject": "extra", "kind": "extra"},
    ]


@pytest.mark.integration
def test_a_document_that_cannot_be_read_is_no_difference_and_stops_no_other(deleting: Worker) -> None:
    broken = masked(deleted("broken").to_wire(), "tenant-a") | {"data": {"more": 1}, "type": "collections.x.y.v1"}
    whole = masked(deleted("whole").to_wire(), "tenant-a")
    found = ask(deleting, compare=[[TENANT, "broken"], [TENANT, "whole"]], documents=[broken, whole])
    assert found["refused"] == [(TENANT, "broken")]
    assert [each["subject"] for each in found["differences"]] == ["whole"]


@pytest.mark.integration
def test_subjects_with_rows_are_told_page_by_page(deleting: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    with deleting.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tombstones VALUES ('tenant-a', 'a', now()), ('tenant-a', 'b', now()), ('tenant-b', 'c', now())"
        )
    monkeypatch.setattr("chassis.audit.folds.PAGE", 2)
    first = ask(deleting, subjects=None)
    assert first == {"subjects": [[TENANT, "a"], [TENANT, "b"]], "next": ["tombstones", TENANT, "b"]}
    assert ask(deleting, subjects=first["next"]) == {"subjects": [[hash_tenant("tenant-b"), "c"]], "next": None}
    assert ask(deleting, subjects=None, tenant="tenant-b")["subjects"] == [[hash_tenant("tenant-b"), "c"]]
    assert ask(deleting, subjects=None, tenant=hash_tenant("tenant-b"))["subjects"] == [[hash_tenant("tenant-b"), "c"]]
    assert ask(deleting, subjects=None, tenant="nobody")["subjects"] == []


@pytest.mark.integration
def test_rows_after_events_are_counted(deleting: Worker) -> None:
    ends = [masked(deleted(item).to_wire(), "tenant-a") for item in ("one", "two")]
    told = ask(deleting, count=ends, rows="tombstones")
    assert told["tables"] == {"tombstones": 2}
    assert [row["subject"] for row in told["rows"]] == ["one", "two"]
    assert ask(deleting, count=[]) == {"tables": {}, "rows": []}


@pytest.mark.parametrize("contract", [*REGISTRY, *REGISTRY.retired()], ids=lambda contract: contract.event_type)
def test_masked_events_can_be_folded_under_either_mask(contract: type[Contract]) -> None:
    for case in published_version_cases(REPOSITORY / "contracts", contract.event_type):
        for document in case.documents().values():
            told = masked(document, document["tenantid"])
            assert document["tenantid"] not in str(told)
            assert [REGISTRY.read(mask(told)).id for mask in MASKS] == [document["id"]] * 2


def test_equal_texts_have_equal_tokens_and_empty_ones_stay_empty() -> None:
    data = UploadRejected(original_filename="my holiday.png", size=7, reason=UploadRejection.EMPTY, detail="d")
    document = new_event(data, subject="item-1", tenant_id="tenant-a").to_wire()
    told = masked(document, "tenant-a")
    assert told == document | {"tenantid": TENANT, "data": document["data"] | {"original_filename": "t0"}}
    assert [mask(told)["data"]["original_filename"] for mask in MASKS] == ["maskedt0", "other words t0"]
    empty = document | {"data": document["data"] | {"original_filename": ""}}
    assert MASKS[0](masked(empty, "tenant-a"))["data"]["original_filename"] == ""


def test_the_relay_answers_an_audit(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "not_applied", lambda connection, keys: {"missing": list(keys)})
    service = fakes.under(Service(Settings(service="imaging", **SETTINGS), fakes.aws))
    assert relay(service)({"audit": {"applied": {"s": []}}}, CONTEXT) == {"missing": ["s"]}


@pytest.mark.parametrize("request_", [{}, {"recorded": 1}, {"applied": []}, {"compare": []}, {"delete": "x"}])
def test_another_request_is_refused(fakes: Fakes, request_: dict[str, Any]) -> None:
    service = fakes.under(Service(Settings(service="imaging", **SETTINGS), fakes.aws))
    with pytest.raises(ValueError, match="not a request that is answered"):
        audit.answer(service, request_)
