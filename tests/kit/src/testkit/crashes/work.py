"""What hands invocations to a function and takes its answers: a queue, a client of the API, a schedule.

Each repeats what got no answer, and is done when nothing is left.
"""

from __future__ import annotations

import json
from contextlib import suppress
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from testkit.crashes.stage import Stage
from testkit.crashes.traces import Case
from testkit.invoking import http_event


class Work(ABC):
    """Invocations of one entry point."""

    entry: str
    #: The call before which its process dies each time, whatever the test chooses.
    die_before: str | None = None

    @abstractmethod
    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        """The next invocation; None when nothing is left to do."""

    @abstractmethod
    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        """The process lived to answer."""

    def died(self, stage: Stage, event: Mapping[str, Any]) -> None:
        """The process died; as much time passes as it takes until somebody tries again."""
        stage.let_time_pass()


class Messages(Work):
    """Events in the queue of the service; a message leaves it when it is acknowledged."""

    def __init__(self, entry: str, case: Case, bodies: Sequence[Mapping[str, Any]]) -> None:
        self.entry = entry
        self._case = case
        self._bodies = list(bodies)

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        sqs, url = stage.deployment.aws.sqs, stage.deployment.settings["queue_url"]
        while self._bodies:
            body = self._bodies.pop(0)
            if "id" in body.get("detail", {}):
                self._case.sent.append(body["detail"]["id"])
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])
        records = [_record(message) for message in received.get("Messages", [])]
        return {"Records": records} if records else None

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        sqs, url = stage.deployment.aws.sqs, stage.deployment.settings["queue_url"]
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] not in failed:
                with suppress(sqs.exceptions.ReceiptHandleIsInvalid):  # the consumer may have deleted it
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])
        self.died(stage, {"Records": [record for record in event["Records"] if record["messageId"] in failed]})

    def died(self, stage: Stage, event: Mapping[str, Any]) -> None:
        sqs, url = stage.deployment.aws.sqs, stage.deployment.settings["queue_url"]
        for record in event["Records"]:
            # Unless the process had acknowledged it.
            with suppress(sqs.exceptions.ReceiptHandleIsInvalid, sqs.exceptions.MessageNotInflight):
                sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0)


class Request(Work):
    """A request of the tenant, which its client sends again until there is an answer that settles it."""

    #: Of a repeated deletion: it is done.
    SETTLED = frozenset({200, 201, 202, 204, 404, 410})

    def __init__(self, case: Case, method: str, path: str, **options: Any) -> None:
        self.entry = "http"
        self._event = http_event(method, path, case.tenant, **options)
        self.answer: Mapping[str, Any] | None = None

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        return self._event if self.answer is None else None

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        if answer["statusCode"] in self.SETTLED:
            self.answer = answer
        else:
            assert answer["statusCode"] in {409, 503}, answer
            stage.let_time_pass()


class Scheduled(Work):
    """A run of a schedule; one that dies is followed by the next."""

    def __init__(self, entry: str) -> None:
        self.entry = entry
        self._done = False

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        return None if self._done else {}

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        self._done = True


class Unpublished(Work):
    """Other work whose process dies when it is about to publish, and whose message is taken for acknowledged."""

    die_before = "events PutEvents"

    def __init__(self, work: Messages) -> None:
        self.entry = work.entry
        self._work = work

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        return self._work.next(stage)

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        raise AssertionError("it was to die before it published")

    def died(self, stage: Stage, event: Mapping[str, Any]) -> None:
        self._work.answered(stage, event, {"batchItemFailures": []})
        stage.let_time_pass()


class Relay(Work):
    """The relay, as long as something waits in the outbox."""

    entry = "relay"

    def next(self, stage: Stage) -> Mapping[str, Any] | None:
        if not stage.rows("SELECT FROM outbox LIMIT 1"):
            return None
        stage.let_time_pass()
        return {}

    def answered(self, stage: Stage, event: Mapping[str, Any], answer: Any) -> None:
        """What it has published is no longer in the outbox."""


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {
            "ApproximateReceiveCount": message["Attributes"]["ApproximateReceiveCount"],
            "SentTimestamp": "0",
        },
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:test",
        "awsRegion": "us-east-1",
    }
