"""EventBridge, SQS and the mappings between queues and functions, as AWS has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from testkit import eventually
from testkit.conformance import Aws

pytestmark = pytest.mark.integration

DETAIL = {"kind": "photo", "size": 12, "tag": None, "nested": {"of": "tenant-1"}}
MATCHING: dict[str, dict[str, Any]] = {
    "exact": {"kind": ["photo"]},
    "one of several": {"kind": ["text", "photo"]},
    "prefix": {"kind": [{"prefix": "ph"}]},
    "suffix": {"kind": [{"suffix": "to"}]},
    "anything but": {"kind": [{"anything-but": ["text"]}]},
    "absent": {"missing": [{"exists": False}]},
    "absent or a value": {"missing": [{"exists": False}, "v"]},
    "numeric": {"size": [{"numeric": [">", 10, "<=", 12]}]},
    "null": {"tag": [None]},
    "nested": {"nested": {"of": ["tenant-1"]}},
    "or": {"$or": [{"kind": ["text"]}, {"size": [12]}]},
    "wildcard": {"kind": [{"wildcard": "p*o"}]},
}
OTHER: dict[str, dict[str, Any]] = {
    "another value": {"kind": ["text"]},
    "present": {"missing": [{"exists": True}]},
    "present is not absent or another value": {"kind": [{"exists": False}, "v"]},
    "anything but it": {"kind": [{"anything-but": {"prefix": "ph"}}]},
    "one of two is not enough": {"kind": ["photo"], "size": [{"numeric": [">", 12]}]},
}


def test_patterns_match_what_they_say(aws: Aws) -> None:
    events, (bus, _, _) = aws.client("events"), aws.bus_to_queue({"source": ["nobody"]})
    url, arn = aws.queue()
    for number, (case, pattern) in enumerate({**MATCHING, **OTHER}.items()):
        events.put_rule(Name=f"{bus}-{number}", EventBusName=bus, EventPattern=json.dumps({"detail": pattern}))
        target = {"Id": "queue", "Arn": arn, "Input": json.dumps({"case": case})}
        events.put_targets(Rule=f"{bus}-{number}", EventBusName=bus, Targets=[target])
    aws.put(bus, Detail=json.dumps(DETAIL))
    found = [message["case"] for message in aws.received(url, len(MATCHING))]
    assert sorted(found) == sorted(MATCHING)


@pytest.mark.differs(localstack="an invalid pattern is accepted, and then every event of its bus is lost")
def test_an_invalid_pattern_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError, match="InvalidEventPatternException"):
        aws.client("events").put_rule(Name="invalid", EventPattern=json.dumps({"detail": {"kind": "photo"}}))


def test_a_malformed_entry_is_refused_alone(aws: Aws) -> None:
    bus, _, url = aws.bus_to_queue({"source": ["case"]})
    good = {"EventBusName": bus, "Source": "case", "DetailType": "thing", "Detail": '{"good": true}'}
    answer = aws.client("events").put_events(Entries=[{**good, "Detail": "{"}, good])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "MalformedDetail"
    assert [event["detail"] for event in aws.received(url, 1)] == [{"good": True}]


@pytest.mark.scheduled
def test_a_request_with_too_many_entries_or_bytes_is_refused(aws: Aws) -> None:
    bus, _, url = aws.bus_to_queue({"source": ["case"]})
    entry = {"EventBusName": bus, "Source": "case", "DetailType": "thing"}
    for entries in ([{**entry, "Detail": "{}"}] * 11, [{**entry, "Detail": json.dumps({"text": "x" * 256 * 1024})}]):
        with pytest.raises(ClientError, match=r"ValidationException|ValidationError"):
            aws.client("events").put_events(Entries=entries)
    assert not aws.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")


@pytest.mark.scheduled
@pytest.mark.differs(ministack="the time of an entry is ignored")
def test_an_event_keeps_the_time_it_was_given(aws: Aws) -> None:
    bus, _, url = aws.bus_to_queue({"source": ["case"]})
    aws.put(bus, Time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert aws.received(url, 1)[0]["time"] == "2026-01-02T03:04:05Z"


@pytest.mark.scheduled
def test_a_disabled_rule_delivers_nothing(aws: Aws) -> None:
    bus, rule, url = aws.bus_to_queue({"source": ["case"]})
    events = aws.client("events")
    events.disable_rule(Name=rule.split("/")[-1], EventBusName=bus)
    aws.put(bus, Detail='{"number": 1}')
    assert not aws.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")
    events.enable_rule(Name=rule.split("/")[-1], EventBusName=bus)
    aws.put(bus, Detail='{"number": 2}')
    assert [event["detail"] for event in aws.received(url, 1)] == [{"number": 2}]


@pytest.mark.scheduled
def test_a_replay_from_the_archive_reaches_the_rules_it_names_alone(aws: Aws) -> None:
    bus, chosen, url = aws.bus_to_queue({"source": ["case"]})
    events = aws.client("events")
    other, arn = aws.queue()
    events.put_rule(Name="other", EventBusName=bus, EventPattern='{"source": ["case"]}')
    events.put_targets(Rule="other", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    bus_arn = events.describe_event_bus(Name=bus)["Arn"]
    archive = events.create_archive(ArchiveName=bus, EventSourceArn=bus_arn, EventPattern='{"source": ["case"]}')
    begun = datetime.now(UTC) - timedelta(minutes=1)
    for number in range(3):
        aws.put(bus, Detail=json.dumps({"number": number}))
    aws.received(url, 3), aws.received(other, 3)
    events.start_replay(
        ReplayName=bus, EventSourceArn=archive["ArchiveArn"], EventStartTime=begun,
        EventEndTime=datetime.now(UTC) + timedelta(minutes=1), Destination={"Arn": bus_arn, "FilterArns": [chosen]},
    )  # fmt: skip
    again = aws.received(url, 3)
    assert sorted(event["detail"]["number"] for event in again) == [0, 1, 2]
    assert {event["replay-name"] for event in again} == {bus}
    assert not aws.client("sqs").receive_message(QueueUrl=other, WaitTimeSeconds=1).get("Messages")


@pytest.mark.scheduled
@pytest.mark.differs(
    ministack="an event that a target cannot take is dropped",
    localstack="an event that a target cannot take is dropped",
)
def test_what_a_target_cannot_take_is_in_its_dead_letter_queue(aws: Aws) -> None:
    bus, rule, _ = aws.bus_to_queue({"source": ["case"]})
    dead, arn = aws.queue()
    nobody = arn.rsplit(":", 1)[0] + ":nobody"
    target = {
        "Id": "queue",
        "Arn": nobody,
        "DeadLetterConfig": {"Arn": arn},
        "RetryPolicy": {"MaximumRetryAttempts": 0},
    }
    aws.client("events").put_targets(Rule=rule.split("/")[-1], EventBusName=bus, Targets=[target])
    aws.put(bus)
    assert aws.received(dead, 1, timeout_s=4)


PARTIAL = """
import json

def handler(event, context):
    return {"batchItemFailures": [
        {"itemIdentifier": record["messageId"]} for record in event["Records"] if "poison" in record["body"]
    ]}
"""


@pytest.mark.scheduled
def test_of_a_batch_the_poison_alone_ends_in_the_dead_letter_queue(aws: Aws) -> None:
    dead, dead_arn = aws.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = aws.queue(VisibilityTimeout="2", RedrivePolicy=redrive)
    sqs = aws.client("sqs")
    entries = [{"Id": str(n), "MessageBody": json.dumps("poison" if n == 4 else n)} for n in range(10)]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    aws.client("lambda").create_event_source_mapping(
        FunctionName=aws.function(PARTIAL, timeout_s=2), EventSourceArn=arn, BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )  # fmt: skip
    (letter,) = aws.messages(dead, 1, timeout_s=60)
    assert json.loads(letter["Body"]) == "poison"
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == arn
    assert int(letter["Attributes"]["ApproximateReceiveCount"]) >= 3  # two by the function, one here
    wanted: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    eventually(
        lambda: set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"].values()) == {"0"}
    )


@pytest.mark.scheduled
@pytest.mark.differs(ministack="StartMessageMoveTask is missing: `mesh dlq redrive` moves messages itself")
def test_dead_letters_are_moved_back_by_a_task(aws: Aws) -> None:
    _, dead_arn = aws.queue()
    url, _ = aws.queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1}))
    sqs = aws.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody='"again"')
    sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    sqs.start_message_move_task(SourceArn=dead_arn)
    assert aws.received(url, 1) == ["again"]


@pytest.mark.scheduled
@pytest.mark.timeout(200)
def test_a_rule_with_a_rate_fires(aws: Aws) -> None:
    events = aws.client("events")
    url, arn = aws.queue()
    rule = f"rate-{aws.backend}"
    events.put_rule(Name=rule, ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn, "Input": '{"tick": true}'}])
    assert {"tick": True} in aws.received(url, 1, timeout_s=130)
    events.remove_targets(Rule=rule, Ids=["queue"])
    events.delete_rule(Name=rule)
