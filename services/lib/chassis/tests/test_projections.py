"""Projections apart from reactions: what live, rebuilding and reprocessing deliveries do."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from typing import Any

import psycopg
import pytest

from chassis.database import Connection
from chassis.errors import PermanentError, TransientError, UndeclaredTableError
from chassis.projections import Projections
from chassis.queue import EventConsumer, on
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import read_all
from chassis.tables import TableKind, tables_of
from chassis.work import Complete, UnitOfWork
from contracts import Event, ReplayKind, new_event, replayed
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted, UploadRejected, UploadRejection
from testkit import Deployment, deliver, envelope, settled

pytestmark = pytest.mark.integration

TENANT, ITEM = "tenant-a", "item-1"


def seen(connection: Connection, event: Event[Any]) -> None:
    connection.execute("INSERT INTO seen VALUES (%s, %s) ON CONFLICT DO NOTHING", (event.subject, event.type))


def unseen(connection: Connection, event: Event[Any]) -> None:
    connection.execute("DELETE FROM seen WHERE subject = %s", (event.subject,))


class Folding(Service[Settings]):
    """A service with one table, which knows the types of events that each subject has had."""

    @cached_property
    def projections(self) -> Projections:
        return Projections({UploadRejected: seen, ImageRejected: seen}, {ItemDeleted: unseen})

    def rows(self) -> set[tuple[str, str]]:
        found = self.database.connection().execute("SELECT subject, type FROM seen").fetchall()
        return {(row["subject"], row["type"].split(".")[2]) for row in found}

    def emitted(self) -> list[str]:
        return [recorded.event.type.split(".")[2] for recorded in read_all(settled(self.database.connection()))]


@pytest.fixture
def folding(deployment: Deployment) -> Iterator[Folding]:
    started = Folding(Settings(**deployment.settings, max_receives=3), deployment.aws)
    started.database.connection().execute("CREATE TABLE seen (subject text, type text, PRIMARY KEY (subject, type))")
    yield started
    started.database.close()


def uploaded(item: str = ITEM) -> Event[UploadRejected]:
    data = UploadRejected(original_filename="f", size=1, reason=UploadRejection.NOT_AN_IMAGE, detail="d")
    return new_event(data, subject=item, tenant_id=TENANT)


def react(event: Event[UploadRejected]) -> Complete:
    """Outside work, and what follows from it."""
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="d")

    def complete(work: UnitOfWork) -> None:
        if not work.is_deleted():
            work.record(new_event(data, subject=event.subject, tenant_id=event.tenant_id, cause=event))

    return complete


def test_a_live_event_is_folded_and_reacted_to_and_what_follows_is_folded_too(folding: Folding) -> None:
    consumer = EventConsumer(folding, [on(UploadRejected, react)])
    assert not deliver(consumer, uploaded())
    assert folding.rows() == {(ITEM, "upload-rejected"), (ITEM, "image-rejected")}
    assert folding.emitted() == ["image-rejected"]


@pytest.mark.parametrize(("kind", "emitted"), [(ReplayKind.REBUILD, []), (ReplayKind.REPROCESS, ["image-rejected"])])
def test_a_replayed_event_is_folded_and_reacted_to_only_where_that_is_ordered(
    folding: Folding, kind: ReplayKind, emitted: list[str]
) -> None:
    consumer = EventConsumer(folding, [on(UploadRejected, react)])
    again = replayed(uploaded(), replay_id="r", replay_for="imaging", kind=kind)
    assert not deliver(consumer, again)
    assert (ITEM, "upload-rejected") in folding.rows()
    assert folding.emitted() == emitted


def test_a_replay_without_a_kind_is_a_rebuild(folding: Folding) -> None:
    consumer = EventConsumer(folding, [on(UploadRejected, react, prepare=lambda events: pytest.fail("prepared"))])
    body = envelope(replayed(uploaded(), replay_id="r", replay_for="imaging")).replace('"replaykind": "rebuild", ', "")
    assert "replaykind" not in body
    assert not deliver(consumer, body)
    assert folding.rows() == {(ITEM, "upload-rejected")}
    assert folding.emitted() == []


def test_a_fold_that_keeps_failing_in_a_rebuild_gives_nothing_up(folding: Folding) -> None:
    given_up: list[str] = []
    folding.database.connection().execute("ALTER TABLE seen RENAME TO elsewhere")
    consumer = EventConsumer(
        folding, [on(UploadRejected, give_up=lambda work, event, error, attempts: given_up.append(event.subject))]
    )
    assert not deliver(consumer, replayed(uploaded(), replay_id="r", replay_for="imaging"), receives=3)
    assert given_up == []
    assert not deliver(consumer, uploaded(), receives=3)
    assert given_up == [ITEM]


def test_an_event_whose_reaction_is_given_up_is_folded_all_the_same(folding: Folding) -> None:
    def fail(event: Event[UploadRejected]) -> Complete:
        raise TransientError("the provider is away")

    consumer = EventConsumer(folding, [on(UploadRejected, fail)])
    assert len(deliver(consumer, uploaded())) == 1
    assert folding.rows() == set()
    assert not deliver(consumer, uploaded(), receives=3)
    assert folding.rows() == {(ITEM, "upload-rejected")}


def test_an_event_that_no_retry_can_help_is_folded_all_the_same(folding: Folding) -> None:
    def refuse(event: Event[UploadRejected]) -> Complete:
        raise PermanentError("never", "it will never work")

    consumer = EventConsumer(folding, [on(UploadRejected, refuse)])
    assert not deliver(consumer, uploaded())
    assert folding.rows() == {(ITEM, "upload-rejected")}


def test_nothing_is_folded_of_a_deleted_subject_in_whatever_order(folding: Folding) -> None:
    deleted = new_event(ItemDeleted(), subject=ITEM, tenant_id=TENANT)
    consumer = EventConsumer(folding, [on(UploadRejected, react), on(ItemDeleted)])
    for event in (uploaded(), deleted, uploaded(), uploaded("item-2")):
        assert not deliver(consumer, event)
    assert folding.rows() == {("item-2", "upload-rejected"), ("item-2", "image-rejected")}


@pytest.mark.parametrize("batched", [False, True])
def test_with_fold_first_a_fold_is_committed_before_the_outside_work(folding: Folding, batched: bool) -> None:
    def away(*_: object) -> None:
        with psycopg.connect(**folding_connection(folding)) as other:
            before.append(other.execute(f'SELECT count(*) FROM "{schema}".seen').fetchone())
        raise TransientError("the provider is away")

    before: list[Any] = []
    schema = folding.settings.database_schema
    subscription = (
        on(UploadRejected, lambda event: None, prepare=away, fold_first=True)
        if batched
        else on(UploadRejected, away, fold_first=True)
    )
    assert len(deliver(EventConsumer(folding, [subscription]), uploaded())) == 1
    assert before == [(1,)]
    assert folding.rows() == {(ITEM, "upload-rejected")}


@pytest.mark.parametrize("receives", [1, 3], ids=["reacted to", "given up"])
@pytest.mark.parametrize("batched", [False, True])
def test_a_fold_that_is_committed_first_is_not_repeated(
    folding: Folding, batched: bool, receives: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(event: Event[UploadRejected]) -> None:
        if receives == 3:
            raise TransientError("the provider is away")

    folded: list[str] = []
    monkeypatch.setattr(UnitOfWork, "fold", lambda work, event: folded.append(event.subject))
    prepare = (lambda events: None) if batched else None
    consumer = EventConsumer(folding, [on(UploadRejected, end, prepare=prepare, fold_first=True)])
    assert not deliver(consumer, uploaded("item-1"), uploaded("item-2"), receives=receives)
    assert sorted(folded) == ["item-1", "item-2"]


def test_the_outside_work_is_done_once_for_duplicates_in_one_batch(folding: Folding) -> None:
    worked: list[str] = []
    event = uploaded()
    consumer = EventConsumer(folding, [on(UploadRejected, lambda event: worked.append(event.subject))])
    assert not deliver(consumer, event, event)
    assert worked == [ITEM]


def test_what_fails_for_the_last_time_without_a_reaction_opens_no_further_transaction(folding: Folding) -> None:
    folding.database.connection().execute("ALTER TABLE seen RENAME TO elsewhere")
    opened: list[str] = []
    transaction = folding.database.transaction

    def counted() -> AbstractContextManager[Connection]:
        opened.append("one")
        return transaction()

    consumer = EventConsumer(folding, [on(UploadRejected)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding.database, "transaction", counted)
        assert not deliver(consumer, uploaded(), receives=3)
    assert len(opened) == 2, "the look into the inbox, and the unit of work that failed"


def test_a_function_that_publishes_nothing_makes_no_client_for_the_bus(folding: Folding) -> None:
    folding = Folding(folding.settings, replace(folding.aws))
    assert not deliver(EventConsumer(folding, [on(UploadRejected)]), uploaded())
    assert folding.rows() == {(ITEM, "upload-rejected")}
    assert "events" not in vars(folding.aws)
    folding.database.close()


def folding_connection(folding: Folding) -> dict[str, Any]:
    info = folding.database.connection().info
    return {
        "host": info.host,
        "port": info.port,
        "dbname": info.dbname,
        "user": info.user,
        "password": info.password,
    }


def test_every_table_is_declared_as_a_kind(folding: Folding) -> None:
    schema = folding.settings.database_schema
    with pytest.raises(UndeclaredTableError, match="seen"):
        tables_of(folding.database.connection(), schema)
    folding.database.connection().execute("COMMENT ON TABLE seen IS 'projection: for a test: not for long'")
    assert tables_of(folding.database.connection(), schema) == {
        "erasures": TableKind.BOOKKEEPING,
        "events": TableKind.LOG,
        "forgotten_tenants": TableKind.TOMBSTONE,
        "idempotent_requests": TableKind.BOOKKEEPING,
        "inbox": TableKind.BOOKKEEPING,
        "projection_rebuilds": TableKind.BOOKKEEPING,
        "replay_budgets": TableKind.BOOKKEEPING,
        "replay_reservations": TableKind.BOOKKEEPING,
        "replay_turns": TableKind.BOOKKEEPING,
        "replays": TableKind.BOOKKEEPING,
        "outbox": TableKind.BOOKKEEPING,
        "schema_migrations": TableKind.BOOKKEEPING,
        "seen": TableKind.PROJECTION,
        "tombstones": TableKind.TOMBSTONE,
    }


def test_deletion_erases_what_was_recorded_and_what_is_recorded_later(folding: Folding) -> None:
    consumer = EventConsumer(folding, [on(UploadRejected, react), on(ItemDeleted)])
    assert not deliver(consumer, uploaded(), uploaded("item-2"))
    connection = folding.database.connection()
    assert not deliver(consumer, new_event(ItemDeleted(), subject=ITEM, tenant_id=TENANT))
    with folding.work.on(TENANT, ITEM) as work:  # by a process that has not looked for the tombstone
        late = ImageRejected(reason=ImageRejection.CORRUPT, detail="late")
        work.record(new_event(late, subject=ITEM, tenant_id=TENANT))

    stored = [recorded.event for recorded in read_all(settled(connection))]
    details = [(e.subject, e.sequence, e.data.detail) for e in stored if isinstance(e.data, ImageRejected)]
    assert details == [(ITEM, 1, "***"), ("item-2", 1, "d"), (ITEM, 2, "***")]


def test_streams_of_subjects_that_were_deleted_before_are_erased_by_the_relay(folding: Folding) -> None:
    consumer = EventConsumer(folding, [on(UploadRejected, react)])
    assert not deliver(consumer, uploaded(), uploaded("item-2"))
    connection = folding.database.connection()
    connection.execute("INSERT INTO tombstones (tenant_id, subject, deleted_at) VALUES (%s, %s, now())", (TENANT, ITEM))
    for _ in range(2):
        folding.prune()
    rows = connection.execute("SELECT stream_id, event -> 'data' ->> 'detail' AS detail FROM events").fetchall()
    assert {(row["stream_id"], row["detail"]) for row in rows} == {(ITEM, "***"), ("item-2", "d")}
