"""The fakes behave as what they stand in for; what they do not stand in for fails a test, whatever the code catches."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chassis import inbox, outbox, store, tombstones
from chassis.database import Connection
from chassis.errors import (
    AlreadyAppliedError,
    ChassisError,
    ConcurrencyError,
    TransientError,
)
from chassis.outbox import Failure
from chassis.projections import Projections
from chassis.queue import DeadLetter
from chassis.queue.dead_letters import send_dead_letter
from chassis.service import Service
from chassis.settings import Settings
from contracts import Event, InvalidEventError, new_event, replayed
from contracts.ingest import ItemDeleted, ItemUploaded
from testkit import Deploy, Fakes, dead_letters
from testkit.fakes import SETTINGS, caused, example, requested
from workspace import REPOSITORY


class WithDeletions(Service[Settings]):
    """A service that only knows that items are deleted."""

    @property
    def projections(self) -> Projections:
        return Projections(deletions={ItemDeleted: lambda connection, event: None})


def upload(item: str = "item-1") -> Event[ItemUploaded]:
    return example(ItemUploaded, subject=item, tenant="alice")


# The same steps on the fakes and on real servers


def streams(service: Service[Any]) -> Iterator[object]:
    """Numbers, conflicts and rolled back events."""
    first, second = upload(), upload()
    with service.work.on("alice", "item-1") as work:
        yield [event.sequence for event in work.record(first, second)]
    yield first.sequence, [sequence for sequence, _ in work.recorded]
    with suppress(ConcurrencyError), service.work.on("alice", "item-1") as work:
        work.record(upload(), expected_version=1)
        yield "another version was taken"
    with suppress(ZeroDivisionError), service.work.on("alice", "item-1") as work:
        work.record(upload())
        raise ZeroDivisionError
    with service.work.on("alice", "item-1") as work:
        yield [event.sequence for event in work.record(upload(), expected_version=2)]
        yield store.stream_version(work.connection, "alice", "item-1")
        yield store.stream_version(work.connection, "bob", "item-1")
        yield [event.sequence for event in store.read_stream(work.connection, "alice", "item-1")]
        yield [event == first for event in store.read_stream(work.connection, "alice", "item-1")][1:]
    with suppress(InvalidEventError), service.work.on("alice", "item-1") as work:
        event = upload()
        work.record(replace(event, data=event.data.model_copy(update={"size": -1})))
        yield "an event that breaks its contract was taken"


def deliveries(service: Service[Any]) -> Iterator[object]:
    """What the inbox holds."""
    event, other = upload(), upload()
    yield service.work.applied([event])
    with suppress(ZeroDivisionError), service.work.applying(event):
        raise ZeroDivisionError
    yield service.work.applied([event])
    with service.work.applying(event):
        yield "applied"
    yield service.work.applied([event, other]) == {(event.id, "")}
    with suppress(AlreadyAppliedError), service.work.applying(event):
        yield "applied again"
    again = replayed(event, replay_id="replay-1", replay_for="imaging")
    with service.work.applying(again):
        yield "a replay is a delivery of its own"
    yield service.work.applied([event, again, other]) == {(event.id, ""), (event.id, "replay-1")}
    with service.database.transaction() as connection:
        yield inbox.add(connection, event), inbox.add(connection, other)


def deletions(service: Service[Any]) -> Iterator[object]:
    """Tombstones of subjects, of which the earliest counts."""
    event = example(ItemDeleted, subject="item-1", tenant="alice")
    with service.work.on("alice", "item-1") as work:
        yield work.is_deleted()
        work.fold(event)
        yield work.is_deleted()
    with service.database.transaction() as connection:
        yield tombstones.is_deleted(connection, "bob", "item-1"), tombstones.is_deleted(connection, "alice", "item-2")


def relays(service: Service[Any]) -> Iterator[object]:
    """What waits in the outbox, and what an accepting bus leaves there."""
    with service.database.transaction() as connection:
        appended = [store.append(connection, [upload(f"item-{number}")]) for number in range(3)]
    documents = [event.to_wire() for ((_, event),) in appended]
    with service.database.transaction() as connection:
        rows = outbox.claim(connection, grace_s=0, limit=2)
        yield [(row.document, row.attempts) for row in rows] == [(document, 0) for document in documents[:2]]
        outbox.delete(connection, [rows[0].position])
        outbox.release(connection, [rows[1].position])
        yield len(outbox.claim(connection, grace_s=0, limit=10))
        yield len(outbox.fail(connection, {rows[1].position: Failure("refused", 2)}))
        (parked,) = outbox.fail(connection, {rows[1].position: Failure("refused", 2)})
        yield parked == outbox.parked(connection)[0], parked.attempts, parked.reason, parked.type
        yield outbox.count_parked(connection), outbox.parked(connection, after=parked.position)
        yield outbox.retry_parked(connection, []), outbox.retry_parked(connection, [parked.event_id, "none"])
        yield outbox.count_parked(connection), outbox.retry_parked(connection, [parked.event_id])
        (parked,) = outbox.fail(connection, {parked.position: Failure("refused for good", 1)})
        yield parked.attempts, parked.reason
    with service.database.transaction() as connection:
        outbox.release(connection, [parked.position + 1])
    yield outbox.relay(service.database, service.bus, grace_s=0)
    yield outbox.relay(service.database, service.bus, grace_s=0)


def images(service: Service[Any]) -> Iterator[object]:
    """Objects of the bucket."""
    store = service.images
    yield attempt(lambda: store.get("a/none")), attempt(lambda: store.size("a/none"))
    store.put("a/1", b"one", "image/png")
    yield store.put_new("a/1", b"another", "image/png"), store.put_new("a/2", b"two!", "image/png")
    yield store.get("a/1"), store.size("a/2")
    store.delete("a/1", "a/none")
    yield attempt(lambda: store.get("a/1")), store.get("a/2")
    yield (
        "a/2" in store.link("a/2"),
        store.upload_form("a/3", media_type="image/png", max_bytes=1, expires_in=9).fields["key"],
    )


def secrets(service: Service[Any]) -> Iterator[object]:
    """Parameters that are not there."""
    yield service.secrets.find("none")
    yield attempt(lambda: service.secrets.get("none")).split("/")[-1]


def letters(service: Service[Any]) -> Iterator[object]:
    """Dead letters as they are read again."""
    url = service.settings.dead_letter_queue_url
    letter = DeadLetter("{}", reason="invalid-event", detail="x: é", receives=3, rule="missing")
    send_dead_letter(service.aws.sqs, url, letter)
    yield dead_letters(service.aws.sqs, url), dead_letters(service.aws.sqs, url)


def attempt(call: Callable[[], object]) -> str:
    try:
        return str(call())
    except ChassisError as error:
        return f"{type(error).__name__}: {error}"


STEPS = [streams, deliveries, deletions, relays, images, secrets, letters]


@pytest.mark.integration
@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: steps.__name__)
def test_the_fakes_and_real_servers_answer_alike(
    steps: Callable[[Service[Any]], Iterator[object]], deploy: Deploy
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fakes = Fakes(patch)
        observed = list(steps(fakes.under(WithDeletions(Settings(service="imaging", **SETTINGS), fakes.aws))))
    deployment = deploy("imaging", sources=[REPOSITORY / "services" / "lib" / "chassis" / "migrations"])
    real = WithDeletions(Settings(**deployment.settings), deployment.aws)
    try:
        assert list(steps(real)) == observed
    finally:
        real.database.close()
    assert observed


# What a unit test relies on


@pytest.fixture
def service(fakes: Fakes) -> Service[Any]:
    return fakes.under(WithDeletions(Settings(service="imaging", **SETTINGS), fakes.aws))


def catching_all(call: Callable[[Connection], object], service: Service[Any]) -> None:
    with suppress(Exception), service.database.transaction() as connection:
        call(connection)


@pytest.mark.parametrize(
    "call",
    [
        lambda connection: connection.execute("SELECT 1"),
        lambda connection: connection.cursor(),
        lambda connection: store.read_all(connection),
    ],
)
def test_a_statement_fails_the_test(service: Service[Any], call: Callable[[Connection], object]) -> None:
    with pytest.raises(pytest.fail.Exception, match="reached the database"):
        catching_all(call, service)


def test_a_transaction_within_another_fails_the_test(service: Service[Any]) -> None:
    with pytest.raises(pytest.fail.Exception, match="one connection"):
        catching_all(lambda _: service.work.applied([upload()]), service)
    assert service.work.applied([upload()]) == set()


@dataclass
class Rows:
    """Of a repository."""

    rows: dict[str, int] = field(default_factory=lambda: {"before": 1})
    names: set[str] = field(default_factory=lambda: {"before"})


def test_a_transaction_that_fails_takes_everything_back(fakes: Fakes, service: Service[Any]) -> None:
    rows = Rows()
    fakes.database.tables.append(rows)
    with suppress(ZeroDivisionError), service.work.applying(upload()) as work:
        assert fakes.database.is_open
        work.record(upload())
        work.fold(example(ItemDeleted, subject="item-1", tenant="alice"))
        rows.rows["within"] = 2
        rows.names = {"within"}
        raise ZeroDivisionError
    assert (rows.rows, rows.names) == ({"before": 1}, {"before"})
    assert (fakes.recorded, fakes.outbox.documents, fakes.inbox.deliveries) == ([], {}, set())
    assert (fakes.tombstones.deleted, fakes.database.is_open) == ({}, False)


def test_one_transaction_finds_no_server(fakes: Fakes, service: Service[Any]) -> None:
    fakes.database.fail(after=1)
    assert service.work.applied([]) == set()
    with pytest.raises(TransientError):
        service.work.applied([])
    assert service.work.applied([]) == set()


def test_a_call_to_aws_fails_while_it_is_to_fail(fakes: Fakes, service: Service[Any]) -> None:
    service.images.put("a/1", b"one", "image/png")
    with fakes.aws.s3.failing("get_object", "SlowDown"):
        assert attempt(lambda: service.images.get("a/1")) == "TransientError: S3: SlowDown"
        assert service.images.size("a/1") == 3
    assert service.images.get("a/1") == b"one"
    with fakes.aws.events.failing("put_events", ""), service.work.on("alice", "item-1") as work:
        work.record(upload())
    assert (fakes.published, len(fakes.outbox.documents)) == ([], 1)


def test_an_entry_that_the_bus_refuses_stays_in_the_outbox(fakes: Fakes, service: Service[Any]) -> None:
    fakes.aws.events.refuses = lambda entry: '"sequence":"2"' in entry["Detail"]
    with service.work.on("alice", "item-1") as work:
        work.record(upload(), upload(), upload())
    first, second, third = (event.id for event in fakes.store.events)
    assert fakes.published == [first, third]
    assert [document["id"] for document in fakes.outbox.documents.values()] == [second]
    with pytest.raises(TransientError, match="refused 1"):
        service.relay()
    fakes.aws.events.refuses = lambda _: False
    assert (service.relay(), fakes.published) == (1, [first, third, second])


def test_a_relay_of_more_than_a_page(fakes: Fakes, service: Service[Any]) -> None:
    with fakes.aws.events.failing("put_events"), service.work.on("alice", "item-1") as work:
        work.record(*(upload() for _ in range(201)))
    assert service.relay() == 201
    assert fakes.published == [event.id for event in fakes.store.events]
    assert fakes.outbox.documents == {}


@pytest.mark.parametrize(
    "fake",
    [
        lambda self, connection, tenant: True,
        lambda self, connection, tenant_id, subject, more=None: True,
        lambda self, connection, tenant_id, *, subject: True,
    ],
    ids=["name", "number", "kind"],
)
def test_a_fake_has_the_parameters_of_what_it_stands_in_for(fakes: Fakes, fake: Callable[..., bool]) -> None:
    with pytest.raises(AssertionError, match=r"chassis\.tombstones\.is_deleted differs"):
        fakes.stand_in(tombstones, type("Fake", (), {"is_deleted": fake})())


def test_a_fake_stands_in_for_nothing_that_is_not_there(fakes: Fakes) -> None:
    with pytest.raises(AttributeError, match="is_gone"):
        fakes.stand_in(tombstones, type("Fake", (), {"is_gone": lambda self, connection: True})())


def test_facts_show_what_caused_them(fakes: Fakes, service: Service[Any]) -> None:
    cause = upload()
    with service.work.applying(cause) as work:
        work.record(new_event(cause.data, subject="item-1", tenant_id="alice", cause=cause))
        work.record(upload())
    assert fakes.recorded == [caused(cause.data, cause), requested(cause.data, "alice", "item-1", sequence=2)]
    assert fakes.recorded[0] != requested(cause.data, "alice", "item-1")


def test_every_document_on_the_bus_is_an_event_of_the_store(fakes: Fakes, service: Service[Any]) -> None:
    with service.work.on("alice", "item-1") as work:
        work.record(upload())
    (entry,) = fakes.aws.events.entries
    assert json.loads(entry["Detail"]) == fakes.store.events[0].to_wire()
