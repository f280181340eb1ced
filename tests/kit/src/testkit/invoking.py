"""Calls entry points as Lambda does: requests of the HTTP API (payload 2.0) and batches of a queue."""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from chassis.queue import DeadLetter
from chassis.queue.entry import QueueEntry
from contracts import Contract, Event
from testkit import documented

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

CONTEXT: Any = SimpleNamespace(
    function_name="test",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:test",
    aws_request_id="request",
    get_remaining_time_in_millis=lambda: 29000,
)

EntryPoint = Callable[[dict[str, Any], Any], Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP entry point answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        """The JSON document."""
        return json.loads(self.text)


def call(
    entry: EntryPoint,
    method: str,
    path: str,
    tenant: str | None = None,
    *,
    query: Mapping[str, object] | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    claims: Mapping[str, str] | None = None,
) -> Answer:
    """Call an HTTP entry point with a tenant's verified token, or without one; what it answers is documented.

    `claims` are what the token says beside whose it is.
    """
    event = http_event(method, path, tenant, query=query, body=body, headers=headers)
    if claims:
        event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims
    answer = entry(event, CONTEXT)
    answered = Answer(answer["statusCode"], answer["headers"], _text(answer))
    documented.check(method, path, answered.status, answered.headers, answered.text)
    return answered


def read(entry: EntryPoint, path: str, tenant: str | None = None) -> Answer:
    """What GET answers; HEAD answers the same without its body, and who has it already gets 304."""
    answer = call(entry, "GET", path, tenant)
    head = call(entry, "HEAD", path, tenant)
    assert (head.status, head.headers["ETag"], head.text) == (answer.status, answer.headers["ETag"], "")
    again = call(entry, "GET", path, tenant, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.text) == (304, "")
    return answer


def _text(answer: Mapping[str, Any]) -> str:
    """The body as a client shows it."""
    body: str = answer.get("body") or ""
    return gzip.decompress(base64.b64decode(body)).decode() if answer.get("isBase64Encoded") else body


def http_event(
    method: str,
    path: str,
    tenant: str | None = None,
    *,
    query: Mapping[str, object] | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A request as API Gateway hands it over; a body of bytes is passed on as it is, any other as JSON."""
    parameters = {name: str(value) for name, value in (query or {}).items()}
    claims = {"authorizer": {"jwt": {"claims": {"sub": tenant}, "scopes": None}}} if tenant else {}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": urlencode(parameters),
        "headers": {"host": "api", **(headers or {})},
        "requestContext": {
            **claims,
            "accountId": "000000000000",
            "apiId": "collections",
            "domainName": "api",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if parameters:
        event["queryStringParameters"] = parameters
    if isinstance(body, bytes):
        event["body"] = base64.b64encode(body).decode()
    elif body is not None:
        event["headers"].setdefault("content-type", "application/json")
        event["body"] = json.dumps(body)
    return event


def envelope(event: Event[Contract]) -> str:
    """The message of a queue that an event on the bus becomes."""
    document = event.to_wire()
    return json.dumps({"source": document["source"], "detail-type": document["type"], "detail": document})


def deliver(consumer: QueueEntry, *messages: Event[Contract] | str, receives: int = 1) -> list[str]:
    """Send events, or bodies, through the consumer's queue, hand the batch over; returns the bodies that stay in it.

    `receives` is how often the queue has handed them over by now. Afterwards the queue is empty: what stays would come
    back in the midst of a later delivery.
    """
    sqs, queue_url = consumer.service.aws.sqs, consumer.service.settings.queue_url
    bodies = [message if isinstance(message, str) else envelope(message) for message in messages]
    records = _through(sqs, queue_url, bodies, receives)
    answer = consumer({"Records": records}, CONTEXT)
    failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    assert failed <= {record["messageId"] for record in records}
    for record in records:
        if receives == 1 or record["messageId"] in failed:  # of those that came back the consumer deletes what is done
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=record["receiptHandle"])
    return [record["body"] for record in records if record["messageId"] in failed]


def _through(sqs: SQSClient, queue_url: str, bodies: list[str], receives: int) -> list[dict[str, Any]]:
    """Records in the order sent, with receipts that are real, so that putting a message back for later works."""
    for body in bodies:
        sqs.send_message(QueueUrl=queue_url, MessageBody=body)
    messages: list[Any] = []
    while len(messages) < len(bodies):
        # The longest wait, for the slowest machine; the emulator answers at once.
        received = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=4)
        messages += received["Messages"]
    assert sorted(message["Body"] for message in messages) == sorted(bodies), "something else was in the queue"
    return [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {"ApproximateReceiveCount": str(receives), "SentTimestamp": "0"},
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:test",
            "awsRegion": "us-east-1",
        }
        for message in sorted(messages, key=lambda message: bodies.index(message["Body"]))
    ]


def dead_letters(sqs: SQSClient, queue_url: str) -> list[DeadLetter]:
    """Every dead letter since the last look.

    No waiting: an entry point sends its dead letters before it returns.
    """
    found: list[DeadLetter] = []
    while True:
        answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for message in answer.get("Messages", []):
            found.append(DeadLetter.read(message))
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        if not answer.get("Messages"):
            return found
