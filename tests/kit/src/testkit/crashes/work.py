"""What hands invocations to a function and takes its answers: a queue, a client of the API, a schedule.

Each repeats what got no answer, and is done when nothing is left.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from testkit.crashes.boundaries import Boundary
from testkit.crashes.stage import Stage
from testkit.crashes.traces import Case
from testkit.invoking import http_event


class Work(ABC):
    """Invocations of one entry point."""

    entry: str
    #: Where its process dies each time, whatever the test chooses.
    dies_at: Boundary | None = None

    @abstractmethod
    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        """The next invocation; None when nothing is left to do."""

    @abstractmethod
    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        """The process lived to answer."""

    def died(self, stage: Stage, event: Mapping[str, Any]) -> None:  # noqa: B027  # most have nothing to do
        """The process died."""

    def wait(self, stage: Stage) -> None:  # noqa: B027
        """Until what died, or failed, is to be tried again."""


class Messages(Work):
    """Events in the queue of the service; a message leaves it when it is acknowledged."""

    def __init__(self, entry: str, case: Case, bodies: Sequence[Mapping[str, Any]]) -> None:
        self.entry = entry
        self._case = case
        self._bodies = list(bodies)
        self._in_flight: list[Mapping[str, Any]] = []

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        sqs, url = stage.deployment.aws.sqs, stage.deployment.settings["queue_url"]
        while self._bodies:
            body = self._bodies.pop(0)
            if "id" in body["detail"]:
                self._case.sent.add(body["detail"]["id"])
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
        received = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=stage.batch_size,
            VisibilityTimeout=3600,
            MessageSystemAttributeNames=["All"],
        )
        records = [_record(message) for message in received.get("Messages", [])]
        return {"Records": records} if records else None

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] in failed:
                self._in_flight.append(record)
                continue
            with suppress(stage.deployment.aws.sqs.exceptions.ReceiptHandleIsInvalid):  # deleted by the consumer
                stage.deployment.aws.sqs.delete_message(
                    QueueUrl=stage.deployment.settings["queue_url"], ReceiptHandle=record["receiptHandle"]
                )

    def died(self, stage: Stage, event: Mapping[str, Any]) -> None:
        self._in_flight += event["Records"]

    def wait(self, stage: Stage) -> None:
        sqs, url = stage.deployment.aws.sqs, stage.deployment.settings["queue_url"]
        while self._in_flight:
            receipt = self._in_flight.pop()["receiptHandle"]
            with suppress(sqs.exceptions.ReceiptHandleIsInvalid, sqs.exceptions.MessageNotInflight):
                sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)


class Request(Work):
    """A request of the tenant, which its client sends again until there is an answer that settles it."""

    #: The last two: what is to be deleted is not there any more.
    SETTLED = frozenset({200, 201, 202, 204, 404, 410})

    def __init__(self, case: Case, method: str, path: str, **options: Any) -> None:
        self.entry = "http"
        self._event = http_event(method, path, case.tenant, **options)
        self._is_settled = False

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        return None if self._is_settled else self._event

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        self._is_settled = answer["statusCode"] in self.SETTLED
        assert self._is_settled or answer["statusCode"] in {409, 503}, f"{answer} {stage.log.read_text()[-3000:]}"


class Scheduled(Work):
    """A run of a schedule; one that dies is followed by the next."""

    def __init__(self, entry: str) -> None:
        self.entry = entry
        self._is_done = False

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        return None if self._is_done else {}

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        self._is_done = True


class Unpublished(Work):
    """Messages whose process dies when it is about to publish, and which are taken for acknowledged."""

    dies_at = Boundary("events PutEvents")

    def __init__(self, work: Work) -> None:
        self.entry = work.entry
        self._work = work

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        return self._work.next(stage)

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        raise AssertionError("it was to die before it published")

    def died(self, stage: Stage, event: Mapping[str, Any]) -> None:
        self._work.answered(stage, event, {"batchItemFailures": []})


class Relay(Work):
    """The relay, as long as something waits in the outbox."""

    entry = "relay"

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        return {} if stage.has_outbox and stage.rows("SELECT FROM outbox LIMIT 1") else None

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        """What it has published is no longer in the outbox."""


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    receives = message["Attributes"]["ApproximateReceiveCount"]
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": receives, "SentTimestamp": "0"},
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:test",
        "awsRegion": "us-east-1",
    }
