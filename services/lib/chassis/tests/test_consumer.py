"""The consumer entry point on real queues: what leaves, what stays, what is dead-lettered, and with which reason."""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import PermanentError, TransientError
from chassis.observability import logger
from chassis.queue import DeadLetter, EventConsumer, attempt, on
from chassis.service import Service
from chassis.settings import Settings
from chassis.work import Complete, UnitOfWork
from contracts import Event, ReplayKind, new_event, replayed
from contracts.ingest import ItemDeleted, ItemUploaded
from testkit import dead_letters, deliver, envelope

pytestmark = pytest.mark.integration

Imaging = Service[Settings]


def deleted(item: str = "item-1", tenant: str = "tenant-a") -> Event[ItemDeleted]:
    return new_event(ItemDeleted(), subject=item, tenant_id=tenant)


class Queue:
    """Sends bodies through the service's real queue and hands the batch to the consumer as Lambda would."""

    def __init__(self, service: Imaging) -> None:
        self._service = service

    def deliver(self, consumer: EventConsumer, *bodies: str, receives: int = 1) -> set[str]:
        """Returns the bodies that stay in the queue."""
        return set(deliver(consumer, *bodies, receives=receives))

    def dead_letters(self) -> list[DeadLetter]:
        return dead_letters(self._service.aws.sqs, self._service.settings.dead_letter_queue_url)


@pytest.fixture
def queue(service: Imaging) -> Queue:
    return Queue(service)


def test_events_reach_their_typed_handler_and_leave_the_queue(service: Imaging, queue: Queue) -> None:
    handled: list[Event[ItemDeleted]] = []
    event = deleted()
    assert queue.deliver(EventConsumer(service, [on(ItemDeleted, handled.append)]), envelope(event)) == set()
    assert [(seen.id, seen.tenant_id, type(seen.data)) for seen in handled] == [(event.id, "tenant-a", ItemDeleted)]


POISON: dict[str, tuple[str, str]] = {
    "not JSON": ("no json", "not-json"),
    "100,000 brackets": ("[" * 100_000, "not-json"),
    "no envelope": ("[]", "not-an-envelope"),
    "no detail": ('{"source": "collections.ingest"}', "not-an-envelope"),
    "an unknown type": (
        envelope(deleted()).replace("item-deleted", "item-lost"),
        "unknown-event",
    ),
    "a broken contract": (envelope(deleted()).replace('"tenantid"', '"tenant"'), "invalid-event"),
    "an envelope that lies": (
        envelope(deleted()).replace('"source": "collections.ingest"', '"source": "collections.chat"', 1),
        "mismatched-envelope",
    ),
    "a type that is not subscribed": (
        envelope(
            new_event(
                ItemUploaded(
                    filename="f.png", original_filename="f", key="k", media_type="image/png", size=1, sha256="a" * 64
                ),
                subject="i",
                tenant_id="t",
            )
        ),
        "not-subscribed",
    ),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_dies_alone_with_its_reason(name: str, service: Imaging, queue: Queue) -> None:
    body, reason = POISON[name]
    handled: list[str] = []
    consumer = EventConsumer(service, [on(ItemDeleted, lambda event: handled.append(event.subject))])
    assert queue.deliver(consumer, envelope(deleted("before")), body, envelope(deleted("after"))) == set()
    assert sorted(handled) == ["after", "before"]
    (letter,) = queue.dead_letters()
    assert letter.body == body
    assert letter.reason == reason
    assert letter.service == "imaging"
    assert letter.detail


def test_a_transient_fault_stays_in_the_queue_and_its_neighbours_leave(service: Imaging, queue: Queue) -> None:
    def handle(event: Event[ItemDeleted]) -> None:
        if event.subject == "slow":
            raise TransientError("the provider is busy", retry_after_s=30)

    slow = envelope(deleted("slow"))
    consumer = EventConsumer(service, [on(ItemDeleted, handle)])
    assert queue.deliver(consumer, envelope(deleted("quick")), slow) == {slow}
    assert queue.dead_letters() == []


def test_a_permanent_fault_goes_to_the_dead_letter_queue_at_once(service: Imaging, queue: Queue) -> None:
    def handle(event: Event[ItemDeleted]) -> None:
        raise PermanentError("no-such-thing", "it will never work")

    assert queue.deliver(EventConsumer(service, [on(ItemDeleted, handle)]), envelope(deleted())) == set()
    (letter,) = queue.dead_letters()
    assert (letter.reason, letter.detail, letter.receives) == ("no-such-thing", "it will never work", 1)


@pytest.mark.parametrize("fault", [TransientError("busy"), KeyError("a bug of ours")])
def test_the_last_attempt_gives_up_and_keeps_the_message(fault: Exception, service: Imaging, queue: Queue) -> None:
    given_up: list[tuple[str, str, int]] = []

    def handle(event: Event[ItemDeleted]) -> None:
        assert attempt() == 3
        raise fault

    def give_up(work: UnitOfWork, event: Event[ItemDeleted], error: Exception, attempts: int) -> None:
        given_up.append((event.subject, type(error).__name__, attempts))

    body = envelope(deleted())
    consumer = EventConsumer(service, [on(ItemDeleted, handle, give_up=give_up)])
    assert queue.deliver(consumer, body, receives=3) == set()
    assert given_up == [("item-1", type(fault).__name__, 3)]
    (letter,) = queue.dead_letters()
    assert (letter.body, letter.reason) == (body, f"gave-up:{type(fault).__name__}")


def test_an_unknown_fault_is_tried_again(service: Imaging, queue: Queue) -> None:
    def handle(event: Event[ItemDeleted]) -> None:
        raise KeyError("a bug of ours")

    body = envelope(deleted())
    assert queue.deliver(EventConsumer(service, [on(ItemDeleted, handle)]), body, receives=2) == {body}
    assert queue.dead_letters() == []


def test_duplicates_have_one_effect_within_and_across_batches(service: Imaging, queue: Queue) -> None:
    effects: list[str] = []

    def handle(event: Event[ItemDeleted]) -> Complete:
        return lambda work: effects.append(event.id)

    event = deleted()
    consumer = EventConsumer(service, [on(ItemDeleted, handle)])
    assert queue.deliver(consumer, envelope(event), envelope(event)) == set()
    assert queue.deliver(consumer, envelope(event)) == set()
    assert effects == [event.id]


def test_a_replay_for_another_consumer_is_left_alone(service: Imaging, queue: Queue) -> None:
    handled: list[str | None] = []
    consumer = EventConsumer(service, [on(ItemDeleted, lambda event: handled.append(event.replay_for))])
    for consumer_name in ("search", "imaging"):
        again = replayed(deleted(), replay_id="r", replay_for=consumer_name, kind=ReplayKind.REPROCESS)
        queue.deliver(consumer, envelope(again))
    assert handled == ["imaging"]
    assert queue.dead_letters() == []


def test_prepare_sees_what_is_fresh_at_once_and_its_fault_is_everyones(service: Imaging, queue: Queue) -> None:
    batches: list[list[str]] = []

    def prepare(events: Sequence[Event[ItemDeleted]]) -> None:
        batches.append(sorted(event.subject for event in events))
        if any(event.subject == "fails" for event in events):
            raise TransientError("the whole request failed")

    consumer = EventConsumer(service, [on(ItemDeleted, lambda event: None, prepare=prepare)])
    first = deleted("a")
    assert queue.deliver(consumer, envelope(first), envelope(deleted("b"))) == set()
    assert queue.deliver(consumer, envelope(first), envelope(deleted("c"))) == set()
    bodies = {envelope(deleted("fails")), envelope(deleted("d"))}
    assert queue.deliver(consumer, *bodies) == bodies
    assert batches == [["a", "b"], ["c"], ["d", "fails"]]


def test_the_logs_name_the_thread_but_not_the_tenant(
    service: Imaging, queue: Queue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = "6f1c2a52-3f0e-4a6b-9a45-0d7f6a3f1b11"
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    event = deleted(tenant=tenant)
    consumer = EventConsumer(service, [on(ItemDeleted, lambda event: logger.info("inside"))])
    assert queue.deliver(consumer, envelope(event)) == set()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    inside = next(line for line in lines if line["message"] == "inside")
    assert (inside["correlation_id"], inside["event_id"]) == (event.correlation_id, event.id)
    assert len(inside["tenant"]) == 12
    printed = capsys.readouterr().out
    assert tenant not in log.getvalue() + printed
    assert "EventsHandled" in printed, "metrics are flushed with the invocation"


def test_how_old_an_event_was_when_it_was_applied_is_measured_but_not_of_replays(
    service: Imaging, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer = EventConsumer(service, [on(ItemDeleted, lambda event: None)])
    old = new_event(
        ItemDeleted(), subject="item-1", tenant_id="tenant-a", time=datetime.now(UTC) - timedelta(seconds=60)
    )
    assert queue.deliver(consumer, envelope(old)) == set()
    (measured,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "ProjectionLag" in line]
    (lag_ms,) = measured["ProjectionLag"]
    assert 60_000 <= lag_ms < 120_000
    assert queue.deliver(consumer, envelope(replayed(old, replay_id="replay-1", replay_for="imaging"))) == set()
    assert "ProjectionLag" not in capsys.readouterr().out
