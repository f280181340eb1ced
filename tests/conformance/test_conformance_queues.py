"""Queues, the mappings between them and functions, and what is counted of both, as AWS has them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from testkit import eventually
from testkit.conformance import Aws, name

pytestmark = [pytest.mark.integration, pytest.mark.scheduled]


def test_a_message_is_hidden_from_others_until_its_time_is_up(aws: Aws) -> None:
    url, _ = aws.queue(VisibilityTimeout="30")
    sqs = aws.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody='"kept"')

    def receive() -> list[Any]:
        asked: list[Any] = ["ApproximateReceiveCount"]
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageSystemAttributeNames=asked)
        return list(answer.get("Messages", []))

    (first,) = receive()
    assert receive() == []
    entry: Any = {"Id": "0", "ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": 0}
    assert not sqs.change_message_visibility_batch(QueueUrl=url, Entries=[entry]).get("Failed")
    (second,) = receive()
    assert (second["MessageId"], second["Attributes"]["ApproximateReceiveCount"]) == (first["MessageId"], "2")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
    assert receive() == []


def test_a_message_larger_than_its_queue_takes_is_refused(aws: Aws) -> None:
    url, _ = aws.queue(MaximumMessageSize="1024")
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody="x" * 1025)
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="x" * 1024)


NOTING = """
import os, time

def handler(event, context):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"+ {time.time()}\\n")
    time.sleep(float(os.environ["WORK_S"]))
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"- {time.time()}\\n")
"""


def mapped(aws: Aws, notes: Path, work_s: float, **settings: Any) -> tuple[str, str]:
    """The URL of a queue whose messages a function takes one by one, and the id of the mapping."""
    notes.touch()
    function = aws.function(NOTING, variables={"NOTES": str(notes), "WORK_S": str(work_s)})
    url, arn = aws.queue(VisibilityTimeout="60")
    mapping = aws.client("lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=arn, BatchSize=1, **settings
    )
    return url, mapping["UUID"]


def wait_until(aws: Aws, mapping: str, state: str) -> None:
    get = aws.client("lambda").get_event_source_mapping
    eventually(lambda: get(UUID=mapping)["State"] == state, timeout_s=30)


@pytest.mark.differs(localstack="one batch is at work, whatever the mapping says")
def test_a_mapping_has_as_many_batches_at_work_as_it_may(aws: Aws, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    url, mapping = mapped(aws, notes, 1.5, ScalingConfig={"MaximumConcurrency": 2})
    wait_until(aws, mapping, "Enabled")
    entries: list[Any] = [{"Id": str(number), "MessageBody": "1"} for number in range(6)]
    aws.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
    eventually(lambda: len(notes.read_text().splitlines()) == 12, timeout_s=60)
    at_once = most = 0
    for line in sorted(notes.read_text().splitlines(), key=lambda line: float(line[2:])):
        at_once += 1 if line[0] == "+" else -1
        most = max(most, at_once)
    assert most == 2


def test_a_mapping_that_is_switched_off_delivers_nothing(aws: Aws, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    url, mapping = mapped(aws, notes, 0, Enabled=False)
    wait_until(aws, mapping, "Disabled")
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="1")
    time.sleep(3)
    assert notes.read_text() == ""
    aws.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=True)
    eventually(lambda: len(notes.read_text().splitlines()) == 2, timeout_s=30)


def test_a_rule_invokes_a_function_with_its_input(aws: Aws, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    code = "import os\ndef handler(event, context):\n    open(os.environ['NOTES'], 'w').write(str(event))\n"
    function = aws.function(code, variables={"NOTES": str(notes)})
    arn = aws.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    bus, rule, _ = aws.bus_to_queue({"source": ["case"]})
    target = {"Id": "function", "Arn": arn, "Input": '{"task": "relay"}'}
    aws.client("events").put_targets(Rule=rule.split("/")[-1], EventBusName=bus, Targets=[target])
    aws.put(bus)
    eventually(notes.exists, timeout_s=30)
    eventually(lambda: notes.read_text() == "{'task': 'relay'}", timeout_s=5)


def test_new_code_answers_after_an_update(aws: Aws) -> None:
    lambdas = aws.client("lambda")
    function = aws.function("def handler(event, context): return 'old'")

    def answered() -> Any:
        return json.loads(lambdas.invoke(FunctionName=function)["Payload"].read())

    assert answered() == "old"
    lambdas.update_function_code(
        FunctionName=function, ZipFile=aws.package("def handler(event, context): return 'new'")
    )
    lambdas.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    assert answered() == "new"


@pytest.mark.timeout(240)
@pytest.mark.differs(ministack="queues have no metrics, and alarms do not fire")
def test_the_alarm_of_a_dead_letter_queue_fires(aws: Aws) -> None:
    cloudwatch, (url, arn) = aws.client("cloudwatch"), aws.queue()
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="1")
    alarm = name("alarm")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm, Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible", Statistic="Maximum",
        Dimensions=[{"Name": "QueueName", "Value": arn.rsplit(":", 1)[-1]}], Period=60, EvaluationPeriods=1,
        Threshold=0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
    )  # fmt: skip

    def state() -> str:
        return str(cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"][0]["StateValue"])

    try:
        # MiniStack has had its chance long before.
        eventually(lambda: state() == "ALARM", timeout_s=180 if aws.backend == "localstack" else 15)
    finally:
        cloudwatch.delete_alarms(AlarmNames=[alarm])


def counted(aws: Aws, namespace: str, metric: str, dimension: dict[str, str] | None = None) -> float:
    """The sum of a metric in the last quarter of an hour."""
    now = datetime.now(UTC)
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=metric, Statistics=["Sum"], Period=60,
        Dimensions=[dimension] if dimension else [],
        StartTime=now - timedelta(minutes=15), EndTime=now + timedelta(minutes=1),
    )  # fmt: skip
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def test_invocations_and_errors_of_a_function_are_counted(aws: Aws) -> None:
    function = aws.function("def handler(event, context): return 1 / event['by']")
    for by in (1, 1, 0):
        aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"by": by}).encode())
    dimension = {"Name": "FunctionName", "Value": function}
    eventually(lambda: counted(aws, "AWS/Lambda", "Invocations", dimension) == 3, timeout_s=30)
    eventually(lambda: counted(aws, "AWS/Lambda", "Errors", dimension) == 1, timeout_s=30)


METRIC = """
import json

def handler(event, context):
    metrics = [{"Name": "seen", "Unit": "Count"}]
    declared = {"Namespace": event["namespace"], "Dimensions": [[]], "Metrics": metrics}
    print(json.dumps({"_aws": {"Timestamp": event["ms"], "CloudWatchMetrics": [declared]}, "seen": 7}))
"""


@pytest.mark.differs(ministack="they stay lines of the log", localstack="they stay lines of the log")
def test_metrics_in_embedded_format_are_counted(aws: Aws) -> None:
    function, namespace = aws.function(METRIC), name("Case")
    asked = {"ms": int(time.time() * 1000), "namespace": namespace}
    aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(asked).encode())
    eventually(lambda: counted(aws, namespace, "seen") == 7, timeout_s=10)
