"""How a record of a queue ends, without servers: delays, dead letters, metrics, and what one record does to others."""

import json
from collections.abc import Callable, Iterator
from contextvars import Context
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from chassis.aws import Aws
from chassis.backlog import backlog
from chassis.errors import AlreadyAppliedError, PermanentError, PoisonError, TransientError
from chassis.queue import DeadLetter, MessageConsumer, attempt, decode
from chassis.queue.dead_letters import send_dead_letter
from chassis.queue.retry import MAX_BACKOFF_S
from chassis.service import Service
from chassis.settings import Settings
from contracts import Event, Violation, new_event
from contracts.ingest import ItemDeleted, UploadRejected, UploadRejection
from contracts.retired import SessionExpiredV2
from contracts.sessions import Idle, SessionExpired
from testkit import envelope
from testkit.faults import AwsCalls, answers, fails
from testkit.invoking import CONTEXT

LogLines = Callable[[], list[dict[str, Any]]]
Measured = Callable[[], dict[str, tuple[str, list[float]]]]
QUEUE, DEAD_LETTERS = "https://sqs/queue", "https://sqs/dead-letters"


@pytest.fixture
def sqs(offline_aws: Aws) -> Iterator[AwsCalls]:
    """What the consumer asks of SQS."""
    well = answers()
    with AwsCalls(offline_aws.sqs, ChangeMessageVisibility=well, DeleteMessage=well, SendMessage=well) as calls:
        yield calls


@pytest.fixture
def service(offline_aws: Aws) -> Service[Settings]:
    settings = Settings(
        service="imaging", function="worker", queue_url=QUEUE, dead_letter_queue_url=DEAD_LETTERS, max_receives=4
    )
    return Service(settings, offline_aws)


def record(body: str, receives: int = 1) -> dict[str, Any]:
    return {
        "messageId": f"id of {body}",
        "receiptHandle": f"receipt of {body}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "eventSource": "aws:sqs",
    }


def test_what_was_applied_before_is_skipped_and_counted(
    service: Service[Settings], sqs: AwsCalls, measured: Measured
) -> None:
    assert batch(failing(service, AlreadyAppliedError("once is enough")), record("a"), record("bad")) == []
    assert sqs.made == []
    assert measured()["EventsSkipped"] == ("Count", [1])
    assert measured()["EventsHandled"] == ("Count", [1])


def failing(service: Service[Settings], error: Exception) -> MessageConsumer[str]:
    """A consumer that handles every message but those whose text begins with `bad`."""

    def handle(message: str) -> None:
        if message.startswith("bad"):
            raise error

    return MessageConsumer(service, str, handle)


def batch(consumer: MessageConsumer[Any], *records: dict[str, Any]) -> list[str]:
    """The ids that stay in the queue."""
    answer = consumer({"Records": list(records)}, CONTEXT)
    assert set(answer) == {"batchItemFailures"}
    return [str(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]


@pytest.fixture
def jitter(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which of the two bounds that it is called with `random.uniform` returns: 0 or 1."""
    index = [1]
    monkeypatch.setattr("chassis.queue.retry.random", SimpleNamespace(uniform=lambda *bounds: bounds[index[0]]))
    return index


@pytest.mark.parametrize(("receives", "shortest_s", "longest_s"), [(1, 2, 3), (2, 4, 9), (3, 14, 27)])
def test_a_failed_message_waits_three_times_longer_each_time_with_jitter(
    receives: int, shortest_s: int, longest_s: int, service: Service[Settings], sqs: AwsCalls, jitter: list[int]
) -> None:
    consumer = failing(service, TransientError("busy"))
    for index, delay_s in enumerate((shortest_s, longest_s)):
        jitter[0] = index
        assert batch(consumer, record("bad", receives)) == ["id of bad"]
        assert sqs.made[-1] == (
            "ChangeMessageVisibility",
            {"QueueUrl": QUEUE, "ReceiptHandle": "receipt of bad", "VisibilityTimeout": delay_s},
        )


@pytest.mark.parametrize(("receives", "delay_s"), [(6, 729), (7, 900), (300, 900)])
def test_no_message_waits_longer_than_fifteen_minutes(
    receives: int, delay_s: int, service: Service[Settings], sqs: AwsCalls, jitter: list[int]
) -> None:
    patient = Service(service.settings.model_copy(update={"max_receives": 1000}), service.aws)
    assert MAX_BACKOFF_S == 900
    assert batch(failing(patient, KeyError("a bug")), record("bad", receives)) == ["id of bad"]
    (call,) = sqs.of("ChangeMessageVisibility")
    assert call["VisibilityTimeout"] == delay_s


@pytest.mark.parametrize(
    ("asked_s", "delay_s"),
    [(30.0, 30), (0.0, 1), (-5.0, 1), (0.4, 1), (1.6, 2), (900.0, 900), (901.0, 900), (float("inf"), 900)],
)
def test_a_provider_says_when_to_come_back(
    asked_s: float, delay_s: int, service: Service[Settings], sqs: AwsCalls
) -> None:
    assert batch(failing(service, TransientError("limited", retry_after_s=asked_s)), record("bad", 3)) == ["id of bad"]
    (call,) = sqs.of("ChangeMessageVisibility")
    assert call["VisibilityTimeout"] == delay_s


def test_only_what_failed_comes_back_and_every_end_is_counted(
    service: Service[Settings], sqs: AwsCalls, log_lines: LogLines, measured: Measured
) -> None:
    stays = batch(
        failing(service, TransientError("busy", retry_after_s=7)),
        record("a"),
        record("bad 1"),
        record("b"),
        record("c"),
    )
    assert stays == ["id of bad 1"]
    assert [call["ReceiptHandle"] for call in sqs.of("ChangeMessageVisibility")] == ["receipt of bad 1"]
    assert sqs.of("SendMessage") == []
    again, handled = log_lines()
    assert (again["level"], again["message"], again["error"]) == ("WARNING", "will be tried again", "busy")
    assert (again["receives"], again["delay_s"]) == (1, 7)
    assert "exception" not in again, "an expected error has no traceback"
    assert (handled["level"], handled["message"], handled["records"], handled["failed"]) == (
        "INFO",
        "batch handled",
        4,
        1,
    )
    metrics = measured()
    assert metrics["EventsHandled"] == ("Count", [1, 1, 1])
    assert metrics["EventsRetried"] == ("Count", [1])
    assert "EventsDeadLettered" not in metrics
    (unit, (duration_ms,)) = metrics["BatchDuration"]
    assert unit == "Milliseconds"
    assert 0 < duration_ms == handled["duration_ms"] < 60_000


def test_an_error_that_nobody_expected_is_logged_with_its_traceback(
    service: Service[Settings], sqs: AwsCalls, log_lines: LogLines
) -> None:
    batch(failing(service, KeyError("a bug of ours")), record("bad", 2))
    again, _ = log_lines()
    assert again["exception_name"] == "KeyError"
    assert again["receives"] == 2


def test_the_whole_batch_may_fail_without_the_function_failing(service: Service[Settings], sqs: AwsCalls) -> None:
    assert batch(failing(service, TransientError("busy")), record("bad 1"), record("bad 2")) == [
        "id of bad 1",
        "id of bad 2",
    ]


@pytest.mark.parametrize(("receives", "ends"), [(3, "ChangeMessageVisibility"), (4, "SendMessage"), (5, "SendMessage")])
def test_the_last_delivery_is_the_one_that_the_settings_name(
    receives: int, ends: str, service: Service[Settings], sqs: AwsCalls
) -> None:
    stays = batch(failing(service, TransientError("busy")), record("bad", receives))
    assert [operation for operation, _ in sqs.made if operation != "DeleteMessage"] == [ends]
    assert bool(stays) == (ends == "ChangeMessageVisibility")


def test_a_dead_letter_says_what_happened_where(
    service: Service[Settings], sqs: AwsCalls, log_lines: LogLines, measured: Measured
) -> None:
    detail = "no" * 600
    assert batch(failing(service, PermanentError("no-such-thing", detail)), record("bad", 2)) == []
    assert [operation for operation, _ in sqs.made] == ["SendMessage", "DeleteMessage"], "the copy first"
    (call,) = sqs.of("SendMessage")
    assert (call["QueueUrl"], call["MessageBody"]) == (DEAD_LETTERS, "bad")
    assert call["MessageAttributes"] == {
        name: {"DataType": "String", "StringValue": value}
        for name, value in {
            "reason": "no-such-thing",
            "detail": detail[:1000],
            "service": "imaging",
            "function": "worker",
            "receives": "2",
            "message_id": "id of bad",
        }.items()
    }
    line, _ = log_lines()
    assert (line["level"], line["message"]) == ("ERROR", "dead-lettered")
    assert (line["reason"], line["detail"]) == ("no-such-thing", detail[:300])
    assert "violations" not in line
    assert measured()["EventsDeadLettered"] == ("Count", [1])
    assert "EventsHandled" not in measured()


def test_a_dead_letter_without_words_has_its_reason_for_a_detail(service: Service[Settings], sqs: AwsCalls) -> None:
    assert batch(failing(service, PermanentError("wordless", "")), record("bad")) == []
    (call,) = sqs.of("SendMessage")
    assert call["MessageAttributes"]["detail"]["StringValue"] == "wordless"


def test_a_message_that_cannot_be_read_dies_before_it_is_handled(service: Service[Settings], sqs: AwsCalls) -> None:
    handled: list[str] = []

    def read(body: str) -> str:
        if body == "garbled":
            raise PoisonError("not-ours", "it cannot be read")
        return body.upper()

    assert batch(MessageConsumer(service, read, handled.append), record("a"), record("garbled"), record("b")) == []
    assert handled == ["A", "B"]
    (call,) = sqs.of("SendMessage")
    assert call["MessageBody"] == "garbled"
    assert call["MessageAttributes"]["reason"]["StringValue"] == "not-ours"


@pytest.mark.parametrize("operation", ["SendMessage", "ChangeMessageVisibility"])
def test_a_message_is_not_lost_where_sqs_does_not_answer(
    operation: str, service: Service[Settings], sqs: AwsCalls
) -> None:
    """It stays in the queue and comes back by the queue's own time-out; its neighbours end as ever."""
    error = PermanentError("never", "never") if operation == "SendMessage" else TransientError("busy")
    sqs.rules[operation] = fails("ServiceUnavailable")
    assert batch(failing(service, error), record("bad"), record("good")) == ["id of bad"]


def test_what_comes_back_is_handled_last_forwards_and_backwards_by_turns(
    service: Service[Settings], sqs: AwsCalls
) -> None:
    handled: list[str] = []
    consumer = MessageConsumer(service, str, handled.append)
    new, second, third = ([record(f"{receives}{name}", receives) for name in "bca"] for receives in (1, 2, 3))
    assert batch(consumer, *third, *second, *new) == []
    assert handled == ["1b", "1c", "1a", "2c", "2b", "2a", "3a", "3b", "3c"]


def test_what_comes_back_leaves_the_queue_as_soon_as_it_is_done(service: Service[Settings], sqs: AwsCalls) -> None:
    """Should the function end before the batch does, it does not come back with the record that ended it."""
    consumer = failing(service, TransientError("busy"))
    assert batch(consumer, record("new"), record("again", 2), record("bad", 2), record("once more", 3)) == ["id of bad"]
    assert sqs.of("DeleteMessage") == [
        {"QueueUrl": QUEUE, "ReceiptHandle": f"receipt of {body}"} for body in ("again", "once more")
    ]


def test_a_handler_knows_which_delivery_it_has(service: Service[Settings], sqs: AwsCalls) -> None:
    seen: list[int] = []
    consumer = MessageConsumer(service, str, lambda message: seen.append(attempt()))
    assert batch(consumer, record("a", 1), record("b", 3)) == []
    assert seen == [1, 3]


def test_a_dead_letter_is_read_as_it_was_written() -> None:
    letter = DeadLetter("the body", "reason", "detail", "imaging", "worker", 3, "id", "int_type", "/data/size", 2)
    attributes = letter.attributes()
    assert set(attributes) == {
        "reason", "detail", "service", "function", "receives", "message_id", "rule", "path", "violations",
    }  # fmt: skip
    assert DeadLetter.read({"Body": "the body", "MessageAttributes": attributes}) == letter


def test_a_message_that_sqs_moved_by_itself_has_no_reason() -> None:
    assert DeadLetter.read({"Body": "b"}) == DeadLetter("b")
    assert DeadLetter("b").attributes() == {}


def deleted(subject: str = "item-1") -> Event[ItemDeleted]:
    return new_event(ItemDeleted(), subject=subject, tenant_id="tenant-a")


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    """An envelope that is right but for one change."""
    document = json.loads(envelope(deleted()))
    change(document)
    return json.dumps(document)


ONE_FAULT: dict[str, tuple[str, str]] = {
    "nothing": ("", "not-json"),
    "half a document": (envelope(deleted())[:-1], "not-json"),
    "100,000 brackets": ("[" * 100_000, "not-json"),
    "100,000 brackets in the detail": (
        changed(lambda envelope: envelope["detail"].update(x="@")).replace('"@"', "[" * 100_000 + "]" * 100_000),
        "not-json",
    ),
    "a list": ("[]", "not-an-envelope"),
    "a text": ('"text"', "not-an-envelope"),
    "no detail": (changed(lambda envelope: envelope.pop("detail")), "not-an-envelope"),
    "a detail that is a text": (changed(lambda envelope: envelope.update(detail="text")), "not-an-envelope"),
    "another source": (changed(lambda envelope: envelope.update(source="collections.chat")), "mismatched-envelope"),
    "no source": (changed(lambda envelope: envelope.pop("source")), "mismatched-envelope"),
    "another detail type": (
        changed(lambda envelope: envelope.update({"detail-type": "collections.ingest.item-uploaded.v1"})),
        "mismatched-envelope",
    ),
    "no detail type": (changed(lambda envelope: envelope.pop("detail-type")), "mismatched-envelope"),
    "no event": (changed(lambda envelope: envelope.update(source=None, detail={"type": envelope["detail-type"]})),
                 "invalid-event"),
    "an event without a tenant": (changed(lambda envelope: envelope["detail"].pop("tenantid")), "invalid-event"),
    "an unknown type": (envelope(deleted()).replace("item-deleted", "item-lost"), "unknown-event"),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_FAULT)
def test_one_fault_is_enough_to_refuse_a_message(name: str) -> None:
    body, reason = ONE_FAULT[name]
    with pytest.raises(PoisonError) as refused:
        decode(body)
    assert refused.value.code == reason
    assert refused.value.detail
    assert bool(refused.value.violations) == (reason == "invalid-event")


def test_of_a_broken_contract_every_violation_is_told() -> None:
    data = UploadRejected(original_filename="f", size=1, reason=UploadRejection.EMPTY, detail="d")
    document = json.loads(envelope(new_event(data, subject="item-1", tenant_id="tenant-a")))
    document["detail"]["data"] |= {"size": "text", "reason": "none of the known"}
    with pytest.raises(PoisonError) as refused:
        decode(json.dumps(document))
    assert [violation.path for violation in refused.value.violations] == ["/data/size", "/data/reason"]
    assert refused.value.detail == "; ".join(map(str, refused.value.violations))


def test_an_event_that_no_upcaster_leads_to_says_so() -> None:
    cause = Idle(kind="idle", after_s=1)
    data = SessionExpired(cause=cause, last_turn_at=datetime(2026, 11, 30, tzinfo=UTC))
    body = envelope(new_event(data, subject="session", tenant_id="tenant-a"))
    with pytest.raises(PoisonError) as refused:
        decode(body, {SessionExpired.event_type: SessionExpiredV2})
    assert refused.value.code == "no-upcaster"
    assert f"{SessionExpired.event_type} to {SessionExpiredV2.event_type}" in refused.value.detail


def test_an_unknown_event_is_named() -> None:
    with pytest.raises(PoisonError, match=r"item-lost\.v1"):
        decode(envelope(deleted()).replace("item-deleted", "item-lost"))


def test_a_line_names_the_first_five_violations(sqs: AwsCalls, offline_aws: Aws, log_lines: LogLines) -> None:
    violations = [Violation(f"rule {number}", f"/{number}", "a value") for number in range(7)]
    send_dead_letter(offline_aws.sqs, DEAD_LETTERS, DeadLetter("body", "reason"), violations)
    (line,) = log_lines()
    assert line["violations"] == [{"rule": f"rule {number}", "path": f"/{number}"} for number in range(5)]


def test_a_backlog_is_all_that_the_queue_still_holds(offline_aws: Aws) -> None:
    names = ("", "Delayed", "NotVisible")
    counts = {f"ApproximateNumberOfMessages{name}": str(10**power) for power, name in enumerate(names)}
    with AwsCalls(offline_aws.sqs, GetQueueAttributes=answers(Attributes=counts)) as calls:
        assert backlog(offline_aws.sqs, QUEUE) == 111
        calls.rules["GetQueueAttributes"] = fails("AWS.SimpleQueueService.NonExistentQueue")
        with pytest.raises(TransientError, match=r"^SQS: AWS\.SimpleQueueService\.NonExistentQueue$"):
            backlog(offline_aws.sqs, QUEUE)
    asked = calls.of("GetQueueAttributes")[0]
    assert (asked["QueueUrl"], set(asked["AttributeNames"])) == (QUEUE, set(counts))


def test_outside_of_a_message_it_is_the_first_delivery() -> None:
    assert Context().run(attempt) == 1


def test_a_message_without_a_fault_is_an_event() -> None:
    event = deleted()
    assert decode(envelope(event)) == event
