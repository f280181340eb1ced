"""The event store, the inbox and the outbox on a real Postgres and a real (emulated) bus."""

import select
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from botocore.exceptions import EndpointConnectionError

from chassis import tombstones
from chassis.database import Connection
from chassis.errors import AlreadyAppliedError, ConcurrencyError, EventTooLargeError, TransientError
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import BEGINNING, append, read_all, read_bulk, read_stream
from contracts import Contract, Event, new_event, replayed
from contracts.chat import ChatMessage, TurnCompleted
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted
from testkit import FreshDatabase, settled
from testkit.faults import AwsCalls, raises

pytestmark = pytest.mark.integration

Imaging = Service[Settings]
Published = Callable[[], list[dict[str, Any]]]


def rejected(item: str = "item-1", tenant: str = "tenant-a") -> Event[ImageRejected]:
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="The file is broken.")
    return new_event(data, subject=item, tenant_id=tenant)


def outbox(service: Imaging) -> int:
    row = service.database.connection().execute("SELECT count(*) AS n FROM outbox").fetchone()
    assert row is not None
    return int(row["n"])


def stored(service: Imaging) -> list[Event[Contract]]:
    return [recorded.event for recorded in read_all(settled(service.database.connection()))]


def wait_for_end(connection: Connection) -> None:
    """Until the server says that it has ended the session; nobody has read that yet."""
    said, _, _ = select.select([connection.fileno()], [], [], 10)
    assert said


def test_streams_count_their_versions(service: Imaging) -> None:
    with service.work.on("tenant-a", "item-1") as work:
        work.record(rejected(), rejected())
    with service.work.on("tenant-a", "item-1") as work:
        (third,) = work.record(rejected())
    assert third.sequence == 3
    stream = read_stream(service.database.connection(), "tenant-a", "item-1")
    assert [event.sequence for event in stream] == [1, 2, 3]


def test_a_stale_expectation_is_refused_and_leaves_nothing(service: Imaging) -> None:
    with service.work.on("tenant-a", "item-1") as work:
        work.record(rejected(), expected_version=0)
    with pytest.raises(ConcurrencyError), service.work.on("tenant-a", "item-1") as work:
        work.record(rejected(), expected_version=0)
    assert len(stored(service)) == 1
    assert outbox(service) == 0


def test_tenants_have_streams_of_their_own(service: Imaging) -> None:
    for tenant in ("tenant-a", "tenant-b"):
        with service.work.on(tenant, "same-id") as work:
            work.record(rejected("same-id", tenant), expected_version=0)
    stream = read_stream(service.database.connection(), "tenant-a", "same-id")
    assert [event.tenant_id for event in stream] == ["tenant-a"]


def test_one_append_writes_one_stream(service: Imaging) -> None:
    with pytest.raises(ValueError, match="one stream"), service.database.transaction() as connection:
        append(connection, [rejected("a"), rejected("b")])


def test_an_event_too_large_for_the_bus_is_refused_before_it_is_stored(service: Imaging) -> None:
    event = rejected()
    message = ChatMessage(role="user", content="x" * 300_000, timestamp=event.time)
    turn = TurnCompleted(turn=1, question=message, answer=message, model="m", response_time_ms=1)
    with pytest.raises(EventTooLargeError), service.work.on("tenant-a", "s") as work:
        work.record(new_event(turn, subject="s", tenant_id="tenant-a"))
    assert stored(service) == []


def test_a_follower_never_skips_a_row_that_commits_late(
    service: Imaging, service_database: FreshDatabase, whole: bool
) -> None:
    """Writers commit out of order on purpose; a follower polls meanwhile and must see each event once, in order."""
    writers, each = (8, 10_000) if whole else (6, 25)
    barrier = threading.Barrier(writers)
    settings = service.settings

    def write(number: int) -> None:
        mine = Service(settings, service.aws)
        barrier.wait()
        for step in range(each):
            with mine.database.transaction() as connection:
                append(connection, [rejected(f"stream-{number}")])
                # Of many events only the first wait, or it would be all that they do.
                if step < 1000:
                    connection.execute("SELECT pg_sleep(%s)", ((number + step) % 3 / 500,))
        mine.database.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    checkpoint, seen, polls = BEGINNING, [], 0
    reader = service.database.connection()
    while any(thread.is_alive() for thread in threads) or read_all(settled(reader), checkpoint):
        polls += 1
        for recorded in read_all(reader, checkpoint, limit=1000 if whole else 7):
            assert recorded.checkpoint > checkpoint
            checkpoint = recorded.checkpoint
            seen.append((recorded.event.subject, recorded.event.sequence))
    assert polls > 10, "the follower has to race the writers"
    assert len(seen) == len(set(seen)) == writers * each
    for number in range(writers):
        assert [version for stream, version in seen if stream == f"stream-{number}"] == list(range(1, each + 1))


def test_of_many_appends_to_one_version_one_wins(service: Imaging) -> None:
    writers = 64
    barrier = threading.Barrier(writers)
    ends: list[str] = []

    def write() -> None:
        mine = Service(service.settings, service.aws)
        barrier.wait()
        with connections:
            try:
                with mine.database.transaction() as connection:
                    append(connection, [rejected()], expected_version=0)
                ends.append("stored")
            except ConcurrencyError:
                ends.append("conflict")
            finally:
                mine.database.close()

    connections = threading.Semaphore(16)  # the server has a hundred, for all tests of a run
    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["conflict"] * (writers - 1) + ["stored"]
    assert [event.sequence for event in stored(service)] == [1]


def test_the_order_is_that_of_numbers_where_transactions_gain_a_digit(service: Imaging) -> None:
    for item in ("first", "second"):
        with service.work.on("tenant-a", item) as work:
            work.record(rejected(item))
    connection = service.database.connection()
    for item, transaction in (("first", 9), ("second", 10)):
        connection.execute("UPDATE events SET transaction_id = %s WHERE stream_id = %s", (str(transaction), item))
    assert [recorded.event.subject for recorded in read_all(settled(connection))] == ["first", "second"]


def test_in_bulk_the_same_events_come_in_the_same_order_as_they_are_stored(service: Imaging) -> None:
    text = 'a "quoted" \\ path\\n, a tab\t, a line\nbreak, \u30b9 and \U0001f35c'
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail=text)
    for item in ("first", "second", "third"):
        with service.work.on("tenant-a", item) as work:
            work.record(new_event(data, subject=item, tenant_id="tenant-a"))
    connection = settled(service.database.connection())
    expected = read_all(connection)
    found = list(read_bulk(connection))
    assert [(each.checkpoint, each.decoded()) for each in found] == [
        (each.checkpoint, each.event.to_wire()) for each in expected
    ]
    assert found[0].decoded()["data"]["detail"] == text
    assert list(read_bulk(connection, found[0].checkpoint, limit=1)) == found[1:2]
    with Service(service.settings, service.aws).database.transaction() as other:
        append(other, [rejected("late")])
        assert list(read_bulk(connection)) == found, "an open transaction's events are out of sight"


def test_what_is_recorded_is_published_after_the_commit(service: Imaging, published: Published) -> None:
    with service.work.on("tenant-a", "item-1") as work:
        (event,) = work.record(rejected())
        assert published() == []
    assert [document["id"] for document in published()] == [event.id]
    assert published()[0]["sequence"] == "1"
    assert outbox(service) == 0


def test_a_rolled_back_unit_of_work_publishes_nothing(service: Imaging, published: Published) -> None:
    with pytest.raises(RuntimeError), service.work.on("tenant-a", "item-1") as work:
        work.record(rejected())
        raise RuntimeError("the handler fails after recording")
    assert published() == []
    assert stored(service) == []
    assert outbox(service) == 0


def test_the_relay_publishes_what_a_dead_bus_left_behind(service: Imaging, published: Published) -> None:
    assert published() == []
    away = raises(EndpointConnectionError(endpoint_url="https://nowhere"))
    with AwsCalls(service.aws.events, PutEvents=away), service.work.on("tenant-a", "item-1") as work:
        work.record(rejected(), rejected())
    assert outbox(service) == 2
    assert service.relay() == 0, "young rows belong to the process that recorded them"
    service.database.connection().execute("UPDATE outbox SET recorded_at = now() - interval '1 minute'")
    assert service.relay() == 2
    assert [document["sequence"] for document in published()] == ["1", "2"]
    assert outbox(service) == 0


def test_an_event_is_applied_once(service: Imaging) -> None:
    event = new_event(ItemDeleted(), subject="item-1", tenant_id="tenant-a")
    with service.work.applying(event) as work:
        work.record(rejected())
    with pytest.raises(AlreadyAppliedError), service.work.applying(event):
        pytest.fail("the block must not be entered")
    assert len(stored(service)) == 1
    assert service.work.applied([event, replayed(event, replay_id="r", replay_for="imaging")]) == {(event.id, "")}


def test_an_event_whose_handler_failed_is_applied_by_the_retry(service: Imaging) -> None:
    event = new_event(ItemDeleted(), subject="item-1", tenant_id="tenant-a")
    with pytest.raises(RuntimeError), service.work.applying(event):
        raise RuntimeError("first try")
    with service.work.applying(event) as work:
        work.record(rejected())
    assert len(stored(service)) == 1


def test_a_replay_is_another_delivery_with_one_effect(service: Imaging) -> None:
    event = new_event(ItemDeleted(), subject="item-1", tenant_id="tenant-a")
    again = replayed(event, replay_id="replay-1", replay_for="imaging")
    for delivery in (event, again):
        with service.work.applying(delivery) as work:
            work.record(rejected())
    with pytest.raises(AlreadyAppliedError), service.work.applying(again):
        pass
    assert len(stored(service)) == 2


def test_two_at_once_apply_an_event_once(service: Imaging) -> None:
    event = new_event(ItemDeleted(), subject="item-1", tenant_id="tenant-a")
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def apply() -> None:
        mine = Service(service.settings, service.aws)
        barrier.wait()
        try:
            with mine.work.applying(event) as work:
                work.record(rejected())
            outcomes.append("applied")
        except AlreadyAppliedError:
            outcomes.append("duplicate")
        mine.database.close()

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["applied", "duplicate", "duplicate", "duplicate"]
    assert len(stored(service)) == 1


def test_tombstones_belong_to_one_tenant(service: Imaging) -> None:
    event = new_event(ItemDeleted(), subject="item-1", tenant_id="tenant-a")
    with service.work.applying(event) as work:
        assert not work.is_deleted()
        tombstones.mark_deleted(work.connection, event)
        tombstones.mark_deleted(work.connection, event)
        assert work.is_deleted()
    with service.work.on("tenant-b", "item-1") as work:
        assert not work.is_deleted()


def test_a_lost_connection_is_replaced(service: Imaging, service_database: FreshDatabase) -> None:
    with service.work.on("tenant-a", "item-1") as work:
        work.record(rejected())
    row = service.database.connection().execute("SELECT pg_backend_pid() AS pid").fetchone()
    assert row is not None
    with psycopg.connect(service_database.dsn, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (row["pid"],))
    with service.work.on("tenant-a", "item-1") as work:
        work.record(rejected())
    assert len(stored(service)) == 2


def test_a_connection_lost_inside_a_transaction_is_a_transient_fault(
    service: Imaging, service_database: FreshDatabase
) -> None:
    with pytest.raises(TransientError), service.work.on("tenant-a", "item-1") as work:
        work.record(rejected())
        row = work.connection.execute("SELECT pg_backend_pid() AS pid").fetchone()
        assert row is not None
        with psycopg.connect(service_database.dsn, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", (row["pid"],))
    assert stored(service) == []


def test_a_transaction_that_the_server_ends_is_a_transient_fault(service: Imaging) -> None:
    """psycopg does not count this one as an operational error."""
    with pytest.raises(TransientError), service.work.on("tenant-a", "item-1") as work:
        work.record(rejected())
        work.connection.execute("SET LOCAL idle_in_transaction_session_timeout = 1")
        wait_for_end(work.connection)
        work.connection.execute("SELECT 1")
    assert stored(service) == []


def test_an_idle_session_releases_its_connection(service: Imaging) -> None:
    row = service.database.connection().execute("SHOW idle_session_timeout").fetchone()
    assert row == {"idle_session_timeout": "2min"}
    service.database.connection().execute("SET idle_session_timeout = 1")
    wait_for_end(service.database.connection())
    with service.work.on("tenant-a", "item-1") as work:
        work.record(rejected())
    assert len(stored(service)) == 1


def test_what_has_no_transaction_begins_on_a_connection_of_now(service: Imaging) -> None:
    service.database.connection().execute("SET idle_session_timeout = 1")
    wait_for_end(service.database.connection())
    row = service.database.fresh_connection().execute("SELECT 1 AS one").fetchone()
    assert row == {"one": 1}


def test_the_role_sees_its_own_schema_only(service: Imaging, service_database: FreshDatabase) -> None:
    with psycopg.connect(service_database.dsn, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA other")
        admin.execute("CREATE TABLE other.secret (x int)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.database.connection().execute("SELECT * FROM other.secret")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.database.connection().execute("CREATE TABLE public.mine (x int)")
