"""What a service answers an audit: from a real Postgres, and never what events say."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis import audit, outbox
from chassis.audit import folds, log
from chassis.audit.masks import MASKS, masked
from chassis.database import Connection
from chassis.deviations import Deviation
from chassis.items import Kept
from chassis.observability import hash_tenant
from chassis.projections import Projections
from chassis.schedule import relay
from chassis.service import Service
from chassis.settings import Settings
from contracts import REGISTRY, Contract, ContractError, Event, new_event
from contracts.embedding import ItemEmbedded, encode_vector
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted, UploadRejected, UploadRejection
from testkit import Fakes, settled
from testkit.contract_tests.examples import published_version_cases
from testkit.fakes import SETTINGS, example
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


def named(connection: Connection, event: Event[UploadRejected]) -> None:
    """A row whose column `is_erased` depends on something personal: how long the file's name is."""
    connection.execute(
        "INSERT INTO tombstones (tenant_id, subject, deleted_at, is_erased) VALUES (%s, %s, %s, %s)",
        (event.tenant_id, event.subject, event.time, len(event.data.original_filename) > 12),
    )


@pytest.fixture
def naming(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(type(worker), "projections", Projections({UploadRejected: named}))
    return worker


def upload(item: str, name: str = "a.png") -> Event[UploadRejected]:
    data = UploadRejected(original_filename=name, size=7, reason=UploadRejection.EMPTY, detail="d")
    return new_event(data, subject=item, tenant_id="tenant-a")


@pytest.mark.integration
def test_what_depends_on_something_personal_is_not_compared_however_many_subjects_there_are(naming: Worker) -> None:
    items = [f"item-{at}" for at in range(9)]
    events = [upload(item, "a.png" if at % 2 else "my summer holiday.png") for at, item in enumerate(items)]
    for event in events:
        with naming.work.applying(event) as work:
            work.fold(event)
    subjects, documents = [[TENANT, item] for item in items], [masked(each.to_wire(), "tenant-a") for each in events]
    assert ask(naming, compare=subjects, documents=documents)["differences"] == []
    assert ask(naming, compare=subjects, documents=documents[:-1])["differences"] == [
        {"tenant": TENANT, "subject": "item-8", "table": "tombstones", "kind": "extra", "key": {}, "columns": []}
    ]
    with naming.database.transaction() as connection:
        connection.execute("UPDATE tombstones SET deleted_at = '2020-01-01' WHERE subject IN ('item-1', 'item-7')")
    found = ask(naming, compare=subjects, documents=documents)["differences"]
    assert [(each["subject"], each["kind"], each["columns"]) for each in found] == [
        ("item-1", "stale", ["deleted_at"]),
        ("item-7", "stale", ["deleted_at"]),
    ]
    assert ask(naming, compare=[], documents=[])["differences"] == []


@pytest.mark.integration
def test_rows_are_counted_under_the_first_mask_and_told_by_subject(naming: Worker) -> None:
    documents = [masked(upload(item).to_wire(), "tenant-a") for item in ("b", "c", "a")]
    told = ask(naming, count=documents, rows="tombstones")
    assert [(row["subject"], row["is_erased"]) for row in told["rows"]] == [("a", False), ("b", False), ("c", False)]
    assert ask(naming, count=documents, rows="inbox") == {"tables": {"tombstones": 3}, "rows": []}
    with pytest.raises(ContractError):
        ask(naming, count=[documents[0] | {"data": {}}])


class Memory:
    """Items beside the tables: what is folded into memory, and what the table has."""

    table = "memory"

    def __init__(self, folded: Kept, live: Kept, projections: Projections) -> None:
        self.folded = folded
        self.kept = live
        self.projections = projections
        self.asked: list[tuple[str, str]] = []

    def take(self) -> Kept:
        return self.folded

    def live(self, subjects: Iterable[tuple[str, str]]) -> Kept:
        self.asked += subjects
        return self.kept


@pytest.mark.integration
def test_items_beside_the_tables_are_compared_like_rows(naming: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    event = upload("item-1")
    with naming.work.applying(event) as work:
        work.fold(event)
    folded: Kept = {(TENANT, "item-1"): {"turn-1": {"n": 1, "of": {"m": 1}}, "turn-2": {"n": 2}}}
    live: Kept = {("tenant-a", "item-1"): {"turn-1": {"n": 1, "of": {"m": 2}}, "turn-3": {"n": 3}}}
    memory = Memory(folded, live, naming.projections)
    monkeypatch.setattr(type(naming), "items", memory)
    told = ask(naming, compare=[[TENANT, "item-1"]], documents=[masked(event.to_wire(), "tenant-a")])
    assert [(each["table"], each["kind"], each["key"], each["columns"]) for each in told["differences"]] == [
        ("memory", "missing", {"item": "turn-2"}, []),
        ("memory", "extra", {"item": "turn-3"}, []),
        ("memory", "stale", {"item": "turn-1"}, ["of/m"]),
    ]
    assert memory.asked == [("tenant-a", "item-1")]


@pytest.mark.integration
def test_tables_that_follow_from_others_say_in_what_they_deviate(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(worker, derived=[TENANT]) == {"differences": []}
    monkeypatch.setattr(type(worker), "derived_tables", ("numbers",))
    monkeypatch.setattr(
        type(worker), "deviations", lambda *given: [Deviation("numbers", "stale", f"of {given[2]}", ("n",))]
    )
    with worker.database.transaction() as connection:
        connection.execute("CREATE TABLE numbers (tenant_id text, n integer)")
        connection.execute("COMMENT ON TABLE numbers IS 'projection: of tombstones'")
        connection.execute("INSERT INTO tombstones VALUES ('tenant-a', 'item', now())")
        connection.execute("INSERT INTO numbers VALUES ('tenant-b', 1), ('tenant-c', 1)")
    both = [TENANT, hash_tenant("tenant-b"), "nobody"]
    assert ask(worker, derived=both) == {
        "differences": [
            {"tenant": hashed, "key": {}, "table": "numbers", "kind": "stale", "subject": of, "columns": ("n",)}
            for hashed, of in ((both[0], "of tenant-a"), (both[1], "of tenant-b"))
        ]
    }
    assert ask(worker, compare=[], documents=[])["not_compared"] == []
    monkeypatch.setattr(type(worker), "derived_tables", ())
    assert ask(worker, compare=[], documents=[])["not_compared"] == ["numbers"]


@pytest.mark.integration
def test_rows_are_found_by_the_column_behind_the_tenant_in_a_unique_index(worker: Worker) -> None:
    with worker.database.transaction() as connection:
        connection.execute("CREATE TABLE keyless (tenant_id text, item_id text)")
        connection.execute(
            "CREATE TABLE numbered (tenant_id text, n integer, item_id text, PRIMARY KEY (tenant_id, n))"
        )
        connection.execute("CREATE UNIQUE INDEX a ON numbered (tenant_id, item_id) INCLUDE (n)")
        connection.execute("CREATE UNIQUE INDEX b ON keyless (tenant_id, item_id) WHERE item_id <> ''")
        connection.execute("CREATE TABLE turned (tenant_id text, id text, PRIMARY KEY (id, tenant_id))")
        connection.execute("CREATE TABLE single (tenant_id text PRIMARY KEY, item_id text)")
        for table in ("keyless", "numbered", "turned", "single"):
            connection.execute(f"COMMENT ON TABLE {table} IS 'projection: of nothing'")
        found = {each.name: each for each in folds.tables(connection, worker.settings.database_schema)}
        connection.rollback()
    assert found == {
        "forgotten_tenants": folds.Table("forgotten_tenants", ("tenant_id",), None),
        "keyless": folds.Table("keyless", (), None),
        "numbered": folds.Table("numbered", ("tenant_id", "n"), "item_id"),
        "single": folds.Table("single", ("tenant_id",), None),
        "tombstones": folds.Table("tombstones", ("tenant_id", "subject"), "subject"),
        "turned": folds.Table("turned", ("id", "tenant_id"), None),
    }


@pytest.mark.integration
def test_subjects_are_told_table_by_table(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    with worker.database.transaction() as connection:
        connection.execute("CREATE TABLE a_table (tenant_id text, item_id text, PRIMARY KEY (tenant_id, item_id))")
        connection.execute("COMMENT ON TABLE a_table IS 'projection: of nothing'")
        connection.execute("INSERT INTO a_table VALUES ('tenant-a', '1'), ('tenant-a', '2'), ('tenant-a', '3')")
        connection.execute("INSERT INTO tombstones VALUES ('tenant-a', '1', now()), ('tenant-b', '1', now())")
    monkeypatch.setattr("chassis.audit.folds.PAGE", 2)
    other = hash_tenant("tenant-b")
    pages: list[dict[str, Any]] = [{"next": None}]
    while pages[-1]["next"] is not None or len(pages) == 1:
        pages.append(ask(worker, subjects=pages[-1]["next"]))
    assert pages[1:] == [
        {"subjects": [[TENANT, "1"], [TENANT, "2"]], "next": ["a_table", TENANT, "2"]},
        {"subjects": [[TENANT, "3"], [TENANT, "1"]], "next": ["tombstones", TENANT, "1"]},
        {"subjects": [[other, "1"]], "next": None},
    ]
    assert ask(worker, subjects=["a_table", TENANT, "1"], tenant="tenant-a")["subjects"] == [
        [TENANT, "2"],
        [TENANT, "3"],
    ]


@pytest.mark.integration
def test_what_is_recorded_leaves_out_forgotten_tenants_and_reports_on_replays(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record(worker, rejected("item-1"))
    record(worker, rejected("item-1", tenant="tenant-b"))
    with worker.database.transaction() as connection:
        connection.execute("INSERT INTO forgotten_tenants (tenant_id, forgotten_at) VALUES ('tenant-b', now())")
    monkeypatch.setattr(log, "PAGE", 2)
    told = ask(worker, recorded=BEGINNING)
    assert [event[0] for event in told["events"]] == [first.id]
    assert told["next"] is not None, "the page was full of events that were looked at"
    assert ask(worker, recorded=told["next"]) == {"events": [], "next": None}
    until = first.time.isoformat()
    assert len(ask(worker, history=[[TENANT, "item-1"]], until=until)["documents"]) == 1, "up to then, and then"
    assert ask(worker, history=[[hash_tenant("tenant-b"), "item-1"]], until="2999-01-01T00:00:00Z")["documents"] == []
    monkeypatch.setattr(log, "_reports", lambda: frozenset({first.type}))
    assert ask(worker, recorded=BEGINNING)["events"] == []


def test_a_filter_selects_what_is_recorded_then_or_later() -> None:
    then = datetime(2026, 11, 30, tzinfo=UTC)
    row = {"recorded_at": then, "tenant_id": "tenant-a", "stream_id": "item-1"}
    chosen = log.Filter.of({"since": then.isoformat(), "tenant": TENANT, "subjects": ["item-1"]})
    assert chosen == log.Filter(then, TENANT, frozenset({"item-1"}))
    assert chosen.selects(row)
    assert not chosen.selects(row | {"recorded_at": then - timedelta(microseconds=1)})
    assert not chosen.selects(row | {"tenant_id": "tenant-b"})
    assert not chosen.selects(row | {"stream_id": "item-2"})
    assert log.Filter.of({}) == log.Filter()
    assert log.Filter().selects(row)


def test_an_answer_has_whole_subjects_until_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [rejected(item) for item in ("a", "a", "b", "c")]
    rows = [{"tenant_id": "tenant-a", "stream_id": each.subject, "event": each.to_wire()} for each in events]
    subjects = [(TENANT, item) for item in "abc"]
    sizes = [len(json.dumps(masked(each.to_wire(), "tenant-a"))) for each in events]

    def fits(room: int) -> tuple[int, list[tuple[str, str]]]:
        monkeypatch.setattr(log, "_ROOM", room)
        found = log._as_fits(rows, subjects)
        return len(found["documents"]), found["rest"]

    assert fits(sum(sizes)) == (4, [])
    assert fits(sum(sizes) - 1) == (3, subjects[2:])
    assert fits(sum(sizes[:3])) == (3, subjects[2:])
    assert fits(sum(sizes[:3]) - 1) == (2, subjects[1:])
    assert fits(1) == (2, subjects[1:]), "the first always fits"
    assert log._as_fits([], subjects) == {"documents": [], "rest": []}


def test_vectors_are_other_units_under_each_mask() -> None:
    event = example(ItemEmbedded, subject="item-1", tenant="tenant-a")
    told = masked(event.to_wire(), "tenant-a")
    size = told["data"]["dimensions"]
    units = [[float(at == number) for at in range(size)] for number in range(2)]
    assert [mask(told)["data"]["vector"] for mask in MASKS] == [encode_vector(unit) for unit in units]
