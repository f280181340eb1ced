"""Polls a queue as Lambda's event source mapping does: batches, partial failures, deletion of what is done.

What failed stays in the queue. It comes back when its visibility timeout ends (six times the function's timeout), or
when the handler said, which sets another for the messages that it failed on; sooner where the process died. After the
queue's number of receives, SQS moves it to the dead-letter queue.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from serving.aws_errors import AWS_ERRORS
from serving.errors import EnvironmentEndedError, InitError, InvocationError
from serving.log import log
from serving.metrics import Metrics
from serving.plan import QueuePlan

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
        MessageTypeDef,
    )

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_CRASH_BASE_S: Final = 3
_LONGEST_DELAY_S: Final = 900
_GONE: Final = "ReceiptHandleIsInvalid"


class Invoked(Protocol):
    """What handles batches: a `serving.environments.Pool`."""

    def invoke(self, event: Mapping[str, Any], wait_s: float | None = None) -> Any:  # noqa: ANN401
        """The handler's result."""


class Poller:
    """One loop over a queue: receives a batch, has it handled, settles it. As many run as batches may at once."""

    def __init__(
        self,
        queue: QueuePlan,
        function: Invoked,
        sqs: SQSClient,
        stopping: threading.Event,
        metrics: Metrics,
        *,
        region: str,
        wait_s: int,
    ) -> None:
        self._queue = queue
        self._function = function
        self._sqs = sqs
        self._stopping = stopping
        self._metrics = metrics
        self._region = region
        self._wait_s = wait_s

    def run(self) -> None:
        """Until told to stop; what is being handled then is finished."""
        faults = 0
        while not self._stopping.is_set():
            try:
                is_well = self.poll_once()
            except AWS_ERRORS as error:
                self._metrics.call_failed(self._queue.name)
                log.error("the queue cannot be polled", extra={"queue": self._queue.name, "error": str(error)})
                is_well = False
            faults = 0 if is_well else faults + 1
            if faults:
                longest = min(_FIRST_PAUSE_S * 2**faults, _LONGEST_PAUSE_S)
                self._stopping.wait(random.uniform(longest / 2, longest))  # noqa: S311 - no secret

    def poll_once(self) -> bool:
        """Receive and settle one batch; returns whether the next may follow at once. Raises botocore's errors."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue.url,
            MaxNumberOfMessages=self._queue.batch_size,
            WaitTimeSeconds=self._wait_s,
            AttributeNames=["All"],  # what emulators understand too, unlike MessageSystemAttributeNames
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return True
        if self._stopping.is_set() and all(_receives(one) < self._queue.max_receives for one in messages):
            # They arrived with the answer to the last request before the drain: others may have them at once. Not what
            # was received for the last time: SQS would dead-letter it though nobody has handled it.
            self._give_back(messages)
            return True
        self._metrics.received(self._queue.name, [_age_s(message) for message in messages])
        return self._handle(messages)

    def _handle(self, messages: Sequence[MessageTypeDef]) -> bool:
        could_start = True
        records = [record_of(message, self._queue.arn, self._region) for message in messages]
        try:
            left = failures(self._function.invoke({"Records": records}), [one["messageId"] for one in records])
        except InvocationError as error:
            # All of it comes back after the visibility timeout; of an environment that died, sooner: the visibility
            # timeout protects from two that handle the same, and nobody handles it any more.
            if isinstance(error, EnvironmentEndedError):
                self._give_back(messages, after_a_crash=True)
            could_start = not isinstance(error, InitError)
            left = {record["messageId"] for record in records}
            log.error(
                "a batch has failed",
                extra={"queue": self._queue.name, "messages": len(records), "error": str(error), "trace": error.trace},
            )
        self._metrics.batch(self._queue.name, handled=len(messages) - len(left), left=len(left))
        return self._delete([message for message in messages if message["MessageId"] not in left]) and could_start

    def _delete(self, messages: Sequence[MessageTypeDef]) -> bool:
        """Delete what is handled; returns whether SQS took the request.

        What is not deleted comes back, and its handler skips it, because it is in the inbox.
        """
        if not messages:
            return True
        entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)
        ]
        try:
            answer = self._sqs.delete_message_batch(QueueUrl=self._queue.url, Entries=entries)
        except AWS_ERRORS as error:
            self._metrics.call_failed(self._queue.name)
            extra = {"queue": self._queue.name, "messages": len(entries), "error": str(error)}
            log.error("messages were handled and could not be deleted", extra=extra)
            return False
        for fault in answer.get("Failed", []):
            if fault.get("Code") == _GONE:  # deleted by the handler, which does so to what comes a second time
                continue
            log.error("a message was not deleted", extra={"queue": self._queue.name, "error": fault.get("Code")})
        return True

    def _give_back(self, messages: Sequence[MessageTypeDef], *, after_a_crash: bool = False) -> None:
        """Make them visible at once; after a crash in 3, 9, 27 … seconds, so that what kills processes does so rarely.

        Where SQS cannot be told, they come back after the visibility timeout.
        """
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {
                "Id": str(n),
                "ReceiptHandle": one["ReceiptHandle"],
                "VisibilityTimeout": min(_CRASH_BASE_S ** _receives(one), _LONGEST_DELAY_S) if after_a_crash else 0,
            }
            for n, one in enumerate(messages)
        ]
        try:
            answer = self._sqs.change_message_visibility_batch(QueueUrl=self._queue.url, Entries=entries)
        except AWS_ERRORS as error:
            self._metrics.call_failed(self._queue.name)
            log.warning("messages were not given back", extra={"queue": self._queue.name, "error": str(error)})
            return
        for fault in answer.get("Failed", []):
            extra = {"queue": self._queue.name, "error": fault.get("Code")}
            log.warning("a message was not given back", extra=extra)


def record_of(message: MessageTypeDef, queue_arn: str, region: str) -> dict[str, Any]:
    """A message as Lambda passes it to a handler."""
    attributes = {
        name: {key[0].lower() + key[1:]: value for key, value in attribute.items()}
        for name, attribute in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": attributes,
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }


def failures(answer: Any, message_ids: Sequence[str]) -> set[str]:  # noqa: ANN401 - whatever the handler returned
    """The messages that stay in the queue, of a batch whose handler answered so (ReportBatchItemFailures).

    Nothing, or no failures: none. An answer that is malformed or names a message that is not in the batch: all.
    """
    everything = set(message_ids)
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        return everything
    reported = answer.get("batchItemFailures")
    if not reported:
        return set()
    if not isinstance(reported, list):
        return everything
    named = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in reported]
    left = {name for name in named if isinstance(name, str)}  # what is no text may not even be hashable
    is_known = all(isinstance(name, str) for name in named) and left <= everything
    return left if is_known else everything


def _receives(message: MessageTypeDef) -> int:
    return int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))


def _age_s(message: MessageTypeDef) -> float:
    sent = message.get("Attributes", {}).get("SentTimestamp")
    return max(time.time() - int(sent) / 1000, 0.0) if sent else 0.0
