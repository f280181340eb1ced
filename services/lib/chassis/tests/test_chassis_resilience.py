"""Failures stay contained: a failing `give_up`, one bad event, a restarted server, another service."""

import json
from collections.abc import Callable, Sequence

import pytest
from psycopg import connect, sql

import testkit
from chassis.errors import TransientError
from chassis.queue import EventConsumer, on
from chassis.queue.dead_letters import sendable
from chassis.service import Service
from chassis.settings import Settings
from chassis.work import UnitOfWork
from contracts import Event, new_event
from contracts.ingest import ItemDeleted
from testkit import FreshDatabase

Imaging = Service[Settings]
Deliver = Callable[..., list[str]]


@pytest.fixture
def deliver(service: Imaging) -> Deliver:
    """Hands one event a subject to the consumer, by way of the real queue; returns the subjects that stay in it."""

    def send(consumer: EventConsumer, *subjects: str, receives: int = 1) -> list[str]:
        events = [new_event(ItemDeleted(), subject=subject, tenant_id="tenant-a") for subject in subjects]
        left = testkit.deliver(consumer, *events, receives=receives)
        return [json.loads(body)["detail"]["subject"] for body in left]

    return send


def reasons(service: Imaging) -> list[str]:
    return [letter.reason for letter in testkit.dead_letters(service.aws.sqs, service.settings.dead_letter_queue_url)]


@pytest.mark.integration
def test_a_message_dies_with_its_reason_even_when_giving_up_fails(service: Imaging, deliver: Deliver) -> None:
    def handle(event: Event[ItemDeleted]) -> None:
        raise TransientError("the bucket is away")

    def give_up(work: UnitOfWork, event: Event[ItemDeleted], error: Exception, attempts: int) -> None:
        raise TransientError("the database is away too")

    assert deliver(EventConsumer(service, [on(ItemDeleted, handle, give_up=give_up)]), "item-1", receives=3) == []
    assert reasons(service) == ["gave-up:TransientError"]


@pytest.mark.integration
def test_an_event_that_cannot_be_prepared_fails_alone(service: Imaging, deliver: Deliver) -> None:
    prepared: list[list[str]] = []
    handled: list[str] = []

    def prepare(events: Sequence[Event[ItemDeleted]]) -> None:
        prepared.append([event.subject for event in events])
        if "odd" in prepared[-1]:
            raise KeyError("a defect of ours that only this event shows")

    consumer = EventConsumer(service, [on(ItemDeleted, lambda event: handled.append(event.subject), prepare=prepare)])
    assert deliver(consumer, "first", "odd", "last") == ["odd"]
    assert handled == ["first", "last"]
    assert prepared == [["first", "odd", "last"], ["first"], ["odd"], ["last"]]


@pytest.mark.integration
def test_a_server_that_restarted_between_two_batches_costs_nothing(
    service: Imaging, deliver: Deliver, service_database: FreshDatabase
) -> None:
    handled: list[str] = []
    consumer = EventConsumer(service, [on(ItemDeleted, lambda event: handled.append(event.subject))])
    assert deliver(consumer, "before") == []
    service_database.disconnect()
    assert deliver(consumer, "after") == []
    assert handled == ["before", "after"]


@pytest.mark.integration
def test_services_do_not_wait_for_each_others_locks(service: Imaging, service_database: FreshDatabase) -> None:
    elsewhere = Service(service.settings.model_copy(update={"database_schema": "public"}), service.aws)
    with connect(service_database.dsn, autocommit=True) as connection:
        for table in ("projection_rebuilds", "forgotten_tenants"):
            like = sql.SQL("CREATE TABLE public.{} (LIKE {})")
            connection.execute(
                like.format(sql.Identifier(table), sql.Identifier(service.settings.database_schema, table))
            )
            connection.execute(sql.SQL("GRANT SELECT ON public.{} TO PUBLIC").format(sql.Identifier(table)))
    try:
        with service.work.on("tenant-a", "item-1"), elsewhere.work.on("tenant-a", "item-1") as work:
            assert work.connection.execute("SELECT current_schema() AS name").fetchone() == {"name": "public"}
    finally:
        elsewhere.database.close()


@pytest.mark.integration
def test_an_object_that_is_there_is_not_replaced(service: Imaging) -> None:
    assert service.images.put_new("tenant-a/images/1.png", b"first", "image/png")
    assert not service.images.put_new("tenant-a/images/1.png", b"second", "image/png")
    assert service.images.get("tenant-a/images/1.png") == b"first"


def test_what_sqs_refuses_is_taken_out_of_reasons() -> None:
    assert sendable("a\x00b\x1fc\ud800d\ufffee\tf\ng \U0001f363 ü") == "a b c d e\tf\ng \U0001f363 ü"
