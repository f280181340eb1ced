"""What the event store writes, in which order it is read, and which tombstones and table kinds count."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chassis.database import Connection
from chassis.errors import ConcurrencyError, UndeclaredTableError
from chassis.projections import Projections
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import BEGINNING, Checkpoint, append, read_all, read_stream, stream_version
from chassis.tables import TableKind, tables_of
from chassis.tombstones import is_deleted, mark_deleted
from contracts import Event, new_event
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted, UploadRejected, UploadRejection
from testkit import settled

pytestmark = pytest.mark.integration

Worker = Service[Settings]
NewWorker = Callable[[], Worker]


def rejected(item: str = "item-1", tenant: str = "tenant-a") -> Event[ImageRejected]:
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="The file is broken.")
    return new_event(data, subject=item, tenant_id=tenant)


def record(worker: Worker, *items: str) -> None:
    for item in items:
        with worker.work.on("tenant-a", item) as work:
            work.record(rejected(item))


def subjects(connection: Connection, after: Checkpoint = BEGINNING, **options: int) -> list[str]:
    return [recorded.event.subject for recorded in read_all(connection, after, **options)]


def test_a_row_says_what_its_event_says(worker: Worker) -> None:
    with worker.database.transaction() as connection:
        appended = append(connection, [rejected(), rejected()])
        rows = connection.execute("SELECT * FROM events ORDER BY position").fetchall()
        queued = connection.execute("SELECT position FROM outbox ORDER BY position").fetchall()
    assert [event.sequence for _, event in appended] == [1, 2]
    for (position, event), row, entry in zip(appended, rows, queued, strict=True):
        assert row["position"] == entry["position"] == position
        assert (row["event_id"], row["tenant_id"], row["stream_id"]) == (event.id, "tenant-a", "item-1")
        assert (row["stream_version"], row["type"], row["event"]) == (event.sequence, event.type, event.to_wire())


def test_nothing_is_appended_of_nothing(worker: Worker) -> None:
    with worker.database.transaction() as connection:
        assert append(connection, []) == []


@pytest.mark.parametrize("other", [rejected("item-2"), rejected(tenant="tenant-b")], ids=["subject", "tenant"])
def test_one_append_is_of_one_subject_of_one_tenant(other: Event[ImageRejected], worker: Worker) -> None:
    with pytest.raises(ValueError, match="one append writes one stream"), worker.database.transaction() as connection:
        append(connection, [rejected(), other])


def test_versions_go_on_where_the_caller_expects_them(worker: Worker) -> None:
    with worker.database.transaction() as connection:
        append(connection, [rejected()], expected_version=0)
        append(connection, [rejected(), rejected()], expected_version=1)
        assert stream_version(connection, "tenant-a", "item-1") == 3
        assert stream_version(connection, "tenant-b", "item-1") == 0
        assert stream_version(connection, "tenant-a", "item-2") == 0
        assert [event.sequence for event in read_stream(connection, "tenant-a", "item-1")] == [1, 2, 3]


def test_an_event_is_stored_once(worker: Worker) -> None:
    event = rejected()
    with worker.database.transaction() as connection:
        append(connection, [event])
    with pytest.raises(ConcurrencyError), worker.database.transaction() as connection:
        append(connection, [event])


def test_a_follower_pages_through_everything(worker: Worker) -> None:
    names = [f"item-{number}" for number in range(5)]
    record(worker, *names)
    with worker.database.transaction() as connection:
        assert subjects(settled(connection)) == names
        checkpoint, seen = BEGINNING, []
        while page := read_all(connection, checkpoint, limit=2):
            assert len(page) <= 2
            seen += [recorded.event.subject for recorded in page]
            checkpoint = page[-1].checkpoint
    assert seen == names


def test_events_of_one_transaction_are_told_apart_by_their_position(worker: Worker) -> None:
    with worker.work.on("tenant-a", "item-1") as work:
        work.record(rejected(), rejected(), rejected())
    with worker.database.transaction() as connection:
        first, second, third = read_all(settled(connection))
        assert len({recorded.checkpoint.transaction_id for recorded in (first, second, third)}) == 1
        assert [recorded.event.sequence for recorded in read_all(connection, second.checkpoint)] == [3]


def test_a_page_has_a_thousand_events_unless_asked_otherwise(worker: Worker) -> None:
    with worker.database.transaction() as connection:
        append(connection, [rejected() for _ in range(1001)])
    with worker.database.transaction() as connection:
        assert len(read_all(settled(connection))) == 1000


def test_what_runs_hides_what_began_later_and_comes_first_when_it_ends(worker: Worker, new_worker: NewWorker) -> None:
    reader, early = new_worker().database.connection(), new_worker()
    record(worker, "before")
    (known,) = read_all(settled(reader))
    with early.work.on("tenant-a", "early") as work:
        work.record(rejected("early"))
        record(worker, "late")
        assert read_all(reader, known.checkpoint) == []
    assert subjects(settled(reader), known.checkpoint) == ["early", "late"]


def test_places_are_ordered_by_transaction_and_then_by_position() -> None:
    places = [Checkpoint(2, 1), Checkpoint(1, 9), Checkpoint(1, 10), BEGINNING]
    assert sorted(places) == [BEGINNING, Checkpoint(1, 9), Checkpoint(1, 10), Checkpoint(2, 1)]
    assert Checkpoint() == BEGINNING == Checkpoint(0, 0)


def test_of_several_deletions_the_earliest_counts(worker: Worker) -> None:
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    with worker.database.transaction() as connection:
        for minutes in (0, 5, -5, 1):
            time = noon + timedelta(minutes=minutes)
            mark_deleted(connection, new_event(ItemDeleted(), subject="item-1", tenant_id="tenant-a", time=time))
        rows = connection.execute("SELECT * FROM tombstones").fetchall()
        earliest = noon - timedelta(minutes=5)
        assert rows == [{"tenant_id": "tenant-a", "subject": "item-1", "deleted_at": earliest, "is_erased": True}]
        assert is_deleted(connection, "tenant-a", "item-1")
        assert not is_deleted(connection, "tenant-a", "item-2")
        assert not is_deleted(connection, "tenant-b", "item-1")


def test_a_unit_of_work_knows_whether_its_own_subject_is_deleted(worker: Worker) -> None:
    with worker.work.on("tenant-a", "item-1") as work:
        mark_deleted(work.connection, new_event(ItemDeleted(), subject="item-1", tenant_id="tenant-a"))
        assert work.is_deleted()
    for tenant, item in (("tenant-a", "item-2"), ("tenant-b", "item-1")):
        with worker.work.on(tenant, item) as work:
            assert not work.is_deleted()


def uploaded(item: str = "item-1") -> Event[UploadRejected]:
    data = UploadRejected(original_filename="f", size=1, reason=UploadRejection.EMPTY, detail="d")
    return new_event(data, subject=item, tenant_id="tenant-a")


def test_each_event_reaches_its_own_fold(worker: Worker) -> None:
    folded: list[str] = []

    def noting(name: str) -> Callable[[Connection, Event[Any]], None]:
        return lambda connection, event: folded.append(f"{name} {event.subject}")

    projections = Projections(
        {UploadRejected: noting("upload"), ImageRejected: noting("image")}, {ItemDeleted: noting("deletion")}
    )
    assert projections.contracts == (UploadRejected, ImageRejected, ItemDeleted)
    with worker.database.transaction() as connection:
        projections.fold(connection, uploaded())
        projections.fold(connection, rejected())
        projections.fold(connection, new_event(ItemDeleted(), subject="item-1", tenant_id="tenant-a"))
        projections.fold(connection, rejected())
        projections.fold(connection, rejected("item-2"))
        Projections({UploadRejected: noting("other")}).fold(connection, rejected("item-3"))
    assert folded == ["upload item-1", "image item-1", "deletion item-1", "image item-2"]


def test_a_service_without_deletions_looks_for_no_tombstones() -> None:
    """It may have none: the chassis' own table is not asked."""
    folded: list[object] = []
    nothing: Any = object()
    Projections({UploadRejected: lambda connection, event: folded.append(connection)}).fold(nothing, uploaded())
    assert folded == [nothing]


@pytest.mark.parametrize("comment", [None, "", "projection", "cache: of something", ": nothing", "Projection: x"])
def test_a_table_that_is_not_declared_is_an_error(comment: str | None, worker: Worker) -> None:
    schema = worker.settings.database_schema
    with pytest.raises(UndeclaredTableError) as raised, worker.database.transaction() as connection:
        connection.execute("CREATE TABLE things (n int)")
        if comment is not None:
            connection.execute(psycopg.sql.SQL("COMMENT ON TABLE things IS {}").format(comment))
        tables_of(connection, schema)
    assert str(raised.value) == f"{schema}.things is not declared as one of log, bookkeeping, projection, tombstone"


def test_tables_are_declared_and_views_need_not_be(worker: Worker) -> None:
    with pytest.raises(RuntimeError, match="leave nothing"), worker.database.transaction() as connection:
        connection.execute("CREATE TABLE parted (n int) PARTITION BY RANGE (n)")
        connection.execute("COMMENT ON TABLE parted IS 'log: of a test'")
        connection.execute("CREATE TABLE plain (n int)")
        connection.execute("COMMENT ON TABLE plain IS 'bookkeeping: of a test'")
        connection.execute("CREATE VIEW seen AS SELECT 1 AS n")
        tables = tables_of(connection, worker.settings.database_schema)
        assert list(tables) == sorted(tables)
        assert (tables["parted"], tables["plain"]) == (TableKind.LOG, TableKind.BOOKKEEPING)
        assert "seen" not in tables
        assert tables["tombstones"] is TableKind.TOMBSTONE
        raise RuntimeError("leave nothing behind")
