"""Two processes of one service on a real Postgres: who waits for whom, and what happens once."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from chassis.errors import AlreadyAppliedError, ConcurrencyError, TransientError
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import append, read_stream
from contracts import Contract, Event, new_event
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted
from testkit import ServiceSchema
from testkit.faults import AwsCalls, losing_connection, waiting

pytestmark = pytest.mark.integration

Worker = Service[Settings]
NewWorker = Callable[[], Worker]


def rejected(item: str = "item-1", tenant: str = "tenant-a") -> Event[ImageRejected]:
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="The file is broken.")
    return new_event(data, subject=item, tenant_id=tenant)


def deleted(item: str = "item-1", tenant: str = "tenant-a") -> Event[ItemDeleted]:
    return new_event(ItemDeleted(), subject=item, tenant_id=tenant)


def versions(worker: Worker, item: str = "item-1") -> list[int]:
    return [event.sequence for event in read_stream(worker.database.connection(), "tenant-a", item)]


def test_two_units_of_work_on_one_subject_follow_each_other(
    worker: Worker, new_worker: NewWorker, schema: ServiceSchema
) -> None:
    def record() -> int:
        with new_worker().work.on("tenant-a", "item-1") as work:
            (event,) = work.record(rejected())
        return event.sequence

    with worker.work.on("tenant-a", "item-1") as work:
        work.record(rejected())
        second = waiting(schema.database.dsn, record)
    assert second.result(10) == 2, "decided upon what the first has committed"


@pytest.mark.parametrize(("tenant", "item"), [("tenant-a", "item-2"), ("tenant-b", "item-1")])
def test_units_of_work_on_two_subjects_do_not_wait(
    tenant: str, item: str, worker: Worker, new_worker: NewWorker
) -> None:
    with worker.work.on("tenant-a", "item-1") as work, new_worker().work.on(tenant, item) as other:
        other.connection.execute("SET LOCAL lock_timeout = '1s'")
        other.record(rejected(item, tenant))
        work.record(rejected())
    assert versions(worker) == [1]


def test_the_lock_ends_with_a_unit_of_work_that_failed(worker: Worker, new_worker: NewWorker) -> None:
    with pytest.raises(RuntimeError), worker.work.on("tenant-a", "item-1"):
        raise RuntimeError("the handler fails")
    other = new_worker()
    other.database.connection().execute("SET lock_timeout = '1s'")
    with other.work.on("tenant-a", "item-1") as work:
        work.record(rejected())
    assert versions(worker) == [1]


def test_a_subject_that_stays_locked_is_a_transient_fault(worker: Worker, new_worker: NewWorker) -> None:
    other = new_worker()
    assert other.database.connection().execute("SHOW lock_timeout").fetchone() == {"lock_timeout": "10s"}
    other.database.connection().execute("SET lock_timeout = '50ms'")
    with (
        worker.work.on("tenant-a", "item-1"),
        pytest.raises(TransientError, match="LockNotAvailable"),
        other.work.on("tenant-a", "item-1"),
    ):
        pytest.fail("the block must not be entered")


def test_a_second_delivery_waits_for_the_first_and_is_found_applied(
    worker: Worker, new_worker: NewWorker, schema: ServiceSchema
) -> None:
    event, other = deleted(), new_worker()

    def apply_again() -> str:
        try:
            with other.work.applying(event) as work:
                work.record(rejected())
        except AlreadyAppliedError as error:
            return str(error)
        return "applied twice"

    with worker.work.applying(event) as work:
        work.record(rejected())
        second = waiting(schema.database.dsn, apply_again)
    assert second.result(10) == event.id
    assert versions(worker) == [1]


def test_a_second_delivery_does_what_the_first_failed_to_do(
    worker: Worker, new_worker: NewWorker, schema: ServiceSchema
) -> None:
    event, other = deleted(), new_worker()

    def apply() -> list[Event[Contract]]:
        with other.work.applying(event) as work:
            return work.record(rejected())

    with pytest.raises(RuntimeError), worker.work.applying(event) as work:
        work.record(rejected())
        second = waiting(schema.database.dsn, apply)
        raise RuntimeError("the first fails after the second has begun to wait")
    assert [event.sequence for event in second.result(10)] == [1]
    assert versions(worker) == [1]


def test_a_delivery_whose_commit_was_not_answered_has_one_effect(worker: Worker, new_worker: NewWorker) -> None:
    event = deleted()
    with (
        pytest.raises(TransientError),
        losing_connection(worker.database, "COMMIT", executed=True),
        worker.work.applying(event) as work,
    ):
        work.record(rejected())
    assert new_worker().work.applied([event]) == {(event.id, "")}
    with pytest.raises(AlreadyAppliedError), new_worker().work.applying(event):
        pytest.fail("the block must not be entered")
    assert versions(worker) == [1]


def test_a_delivery_whose_session_ended_leaves_nothing_and_the_next_one_counts(
    worker: Worker, new_worker: NewWorker, bus_calls: AwsCalls
) -> None:
    event = deleted()
    with (
        pytest.raises(TransientError),
        losing_connection(worker.database, "INSERT INTO events"),
        worker.work.applying(event) as work,
    ):
        work.record(rejected())
    assert worker.work.applied([event]) == set()
    with new_worker().work.applying(event) as work:
        work.record(rejected())
    assert versions(worker) == [1]
    assert len(bus_calls.of("PutEvents")) == 1


def test_of_two_appends_to_one_version_the_second_is_refused(
    worker: Worker, new_worker: NewWorker, schema: ServiceSchema
) -> None:
    """Without the lock of a unit of work: the stream's own version is the guard."""

    def append_too() -> str:
        with pytest.raises(ConcurrencyError) as refused, new_worker().database.transaction() as connection:
            append(connection, [rejected()], expected_version=0)
        return str(refused.value)

    with worker.database.transaction() as connection:
        append(connection, [rejected()], expected_version=0)
        second = waiting(schema.database.dsn, append_too)
    assert second.result(10) == "stream item-1 is not at version 0"
    assert versions(worker) == [1]


def test_a_batch_asks_about_its_deliveries_at_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    applied, fresh = deleted("applied"), deleted("fresh")
    with worker.work.applying(applied):
        pass
    statements: list[str] = []
    connection = worker.database.connection()
    execute = connection.execute

    def noted(query: Any, *arguments: Any) -> psycopg.Cursor[dict[str, Any]]:
        statements.append(query.split()[0])
        return execute(query, *arguments)

    monkeypatch.setattr(connection, "execute", noted)
    assert worker.work.applied([applied, fresh]) == {(applied.id, "")}
    assert statements == ["BEGIN", "SELECT", "SELECT", "COMMIT"], "forgotten tenants, then the inbox"
