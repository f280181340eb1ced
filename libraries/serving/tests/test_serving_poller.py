"""A queue is settled as Lambda's event source mapping settles it."""

import threading
from typing import Any

import pytest
from serving_fakes import QUEUE, Answering, FakeSqs, message

from serving.errors import EnvironmentEndedError, HandlerError, InitError, TimedOutError
from serving.metrics import Metrics
from serving.poller import Poller, failures, record_of

BATCH = ["a", "b", "c"]


def poller(sqs: FakeSqs, function: Answering, stopping: threading.Event | None = None) -> Poller:
    return Poller(QUEUE, function, sqs, stopping or threading.Event(), Metrics(), region="us-east-1", wait_s=0)  # type: ignore[arg-type]


def left(*names: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


@pytest.mark.parametrize(
    ("answer", "stay"),
    [
        (None, ""),
        ({}, ""),
        ({"batchItemFailures": []}, ""),
        ({"batchItemFailures": None}, ""),
        (left("b"), "b"),
        (left("a", "b", "c"), "abc"),
        (left("unknown"), "abc"),
        (left("b", ""), "abc"),
        (left(None), "abc"),
        (left(["b"]), "abc"),
        (left({"b": 1}, "b"), "abc"),
        ({"batchItemFailures": [{"id": "b"}]}, "abc"),
        ({"batchItemFailures": ["b"]}, "abc"),
        ({"batchItemFailures": {"b": 1}}, "abc"),
        ("done", "abc"),
    ],
)
def test_what_stays_in_the_queue(answer: Any, stay: str) -> None:
    assert failures(answer, BATCH) == set(stay)
    sqs = FakeSqs(BATCH)
    assert poller(sqs, Answering(answer)).poll_once()
    assert sqs.deleted == [name for name in BATCH if name not in stay]


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (HandlerError("ValueError", "no"), True),
        (TimedOutError("Sandbox.Timedout", "late"), True),
        (InitError("ImportError", "no module"), False),
    ],
)
def test_a_batch_whose_handler_fails_stays_as_it_is(error: Exception, goes_on: bool) -> None:
    sqs = FakeSqs(BATCH)
    assert poller(sqs, Answering(error)).poll_once() is goes_on
    assert (sqs.deleted, sqs.given_back) == ([], [])


def test_what_arrives_during_a_drain_is_given_back() -> None:
    sqs, function, stopping = FakeSqs(BATCH), Answering(), threading.Event()
    stopping.set()
    poller(sqs, function, stopping).poll_once()
    assert (sqs.given_back, sqs.deleted, function.events) == (BATCH, [], [])
    assert sqs.delays_s == [0, 0, 0]


def test_what_has_no_receive_left_is_handled_even_during_a_drain() -> None:
    sqs, function, stopping = FakeSqs(BATCH), Answering(), threading.Event()
    sqs.receives = {"a": QUEUE.max_receives - 1, "b": QUEUE.max_receives}
    stopping.set()
    poller(sqs, function, stopping).poll_once()
    assert (sqs.given_back, sqs.deleted, len(function.events)) == ([], BATCH, 1)
    sqs.batches, sqs.receives = [BATCH], {"b": QUEUE.max_receives - 1}
    poller(sqs, function, stopping).poll_once()
    assert (sqs.given_back, len(function.events)) == (BATCH, 1)


def test_what_a_process_left_that_died_comes_back_soon() -> None:
    sqs = FakeSqs(BATCH)
    died = Answering(EnvironmentEndedError("Runtime.ExitError", "exit code -9"))
    assert poller(sqs, died).poll_once()
    assert (sqs.given_back, sqs.deleted, sqs.delays_s) == (BATCH, [], [3, 3, 3])
    sqs.batches, sqs.faults["change_message_visibility_batch"] = [BATCH], "AccessDenied"
    assert poller(sqs, died).poll_once(), "it comes back by itself, only later"


def test_what_is_not_given_back_is_told(caplog: pytest.LogCaptureFixture) -> None:
    sqs = FakeSqs(BATCH)
    sqs.unreturnable = {"b": "InternalError"}
    assert poller(sqs, Answering(EnvironmentEndedError("Runtime.ExitError", "exit code -9"))).poll_once()
    assert sqs.given_back == ["a", "c"]
    told = [vars(record)["error"] for record in caplog.records if "was not given back" in record.getMessage()]
    assert told == ["InternalError"]


def test_what_cannot_be_deleted_is_told_and_slows_the_loop_down(caplog: pytest.LogCaptureFixture) -> None:
    sqs = FakeSqs(BATCH)
    sqs.faults["delete_message_batch"] = "AccessDenied"
    assert not poller(sqs, Answering()).poll_once()
    assert "could not be deleted" in caplog.text


def test_what_the_handler_deleted_itself_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    sqs = FakeSqs(BATCH)
    sqs.undeletable = {"a": "ReceiptHandleIsInvalid"}
    assert poller(sqs, Answering()).poll_once()
    assert not caplog.records
    sqs.batches, sqs.undeletable = [BATCH], {"a": "InternalError"}
    poller(sqs, Answering()).poll_once()
    assert "was not deleted" in caplog.text


def test_the_loop_survives_a_queue_that_is_away() -> None:
    sqs, stopping, function = FakeSqs(BATCH), threading.Event(), Answering()
    sqs.faults["receive_message"] = "ServiceUnavailable"
    loop = poller(sqs, function, stopping)
    thread = threading.Thread(target=loop.run)
    thread.start()
    threading.Event().wait(0.05)
    sqs.faults.clear()
    assert sqs.received.wait(5)
    stopping.set()
    thread.join(5)
    assert not thread.is_alive()
    assert sqs.deleted + sqs.given_back == BATCH


def test_a_message_looks_as_lambda_shows_it() -> None:
    record = record_of(message("a"), QUEUE.arn, "us-east-1")  # type: ignore[arg-type]
    assert record == {
        "messageId": "a",
        "receiptHandle": "handle-a",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1000"},
        "messageAttributes": {"kind": {"stringValue": "x", "dataType": "String"}},
        "md5OfBody": "m",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE.arn,
        "awsRegion": "us-east-1",
    }
