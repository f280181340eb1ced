"""When a message that failed comes back."""

import random
from contextvars import ContextVar
from typing import TYPE_CHECKING

from chassis.errors import TransientError
from chassis.observability import MetricUnit, logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from mypy_boto3_sqs import SQSClient

__all__ = ["MAX_BACKOFF_S", "attempt", "back_off", "note_attempt"]

MAX_BACKOFF_S = 900

_attempt: ContextVar[int] = ContextVar("attempt", default=1)


def attempt() -> int:
    """Which delivery of the current message this is: 1, 2, …"""
    return _attempt.get()


def note_attempt(number: int) -> None:
    """Remember which delivery of the current message this is."""
    _attempt.set(number)


def back_off(sqs: "SQSClient", queue_url: str, record: "SQSRecord", error: Exception) -> None:
    """Let the message come back later: 3^receives seconds, at most 15 minutes, with jitter; or when the provider asked.

    Seven such delays are 17 to 33 minutes: a database that restarts meanwhile causes no dead letters.
    """
    receives = int(record.attributes.approximate_receive_count)
    asked = error.retry_after_s if isinstance(error, TransientError) else None
    jitter = random.uniform(0.5, 1)  # noqa: S311 - no secret
    delay_s = asked if asked is not None else jitter * min(3**receives, MAX_BACKOFF_S)
    delay_s = min(max(delay_s, 1), MAX_BACKOFF_S)
    logger.warning(
        "will be tried again",
        exc_info=not isinstance(error, TransientError),
        extra={"error": str(error), "receives": receives, "delay_s": round(delay_s, 1)},
    )
    metrics.add_metric("EventsRetried", MetricUnit.Count, 1)
    sqs.change_message_visibility(
        QueueUrl=queue_url,
        ReceiptHandle=record.receipt_handle,
        VisibilityTimeout=round(delay_s),
    )
