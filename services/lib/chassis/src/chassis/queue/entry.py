"""A Lambda entry point for an SQS queue: the loop over a batch, and how each record ends.

A record ends in one of four ways. Applied (or applied before): it leaves the queue. Poison (not a message of ours, or
a `PermanentError`): it goes to the dead-letter queue with its reason, alone. An error that may pass: it stays in the
queue and comes back with back-off. The same error on the last delivery: dead-letter queue, with the reason.

Where the function ends in the midst of a batch (out of time or memory), the whole batch comes back, together with the
record that ends it. So that this one takes no other with it into the dead-letter queue, a batch that comes back is
handled in another order each time, and what is done leaves the queue at once.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from chassis.errors import AlreadyAppliedError, PermanentError, PoisonError
from chassis.observability import MetricUnit, logger, metrics
from chassis.queue.dead_letters import DeadLetter, detail_of, send_dead_letter
from chassis.queue.retry import back_off, note_attempt
from chassis.service import Service

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["REPLAYED", "QueueEntry"]

#: What the name of a consumer's queue for replayed events has behind that of its main one.
REPLAYED = "-replayed"


class QueueEntry(ABC):
    """Call it with the SQS event and the context; see `EventConsumer` and `MessageConsumer`."""

    def __init__(self, service: Service[Any]) -> None:
        self.service = service
        self._processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def __call__(self, event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
        """Handle a batch; the answer names the records that stay in the queue."""
        started = time.perf_counter()
        self._open_batch(event["Records"])
        answer = process_partial_response(
            event={**event, "Records": _in_turn(event["Records"])},
            record_handler=self._take,
            processor=self._processor,
            context=context,
        )
        self._close_batch()
        duration_ms = round((time.perf_counter() - started) * 1000, 1)
        logger.info(
            "batch handled",
            extra={
                "records": len(event["Records"]),
                "failed": len(answer["batchItemFailures"]),
                "duration_ms": duration_ms,
            },
        )
        metrics.add_metric("BatchDuration", MetricUnit.Milliseconds, duration_ms)
        metrics.flush_metrics()
        return answer

    @abstractmethod
    def _open_batch(self, records: Sequence[dict[str, Any]]) -> None:
        """Called once a batch, before its records."""

    def _close_batch(self) -> None:  # noqa: B027 - nothing to do, unless a subclass has something
        """Called once a batch, behind its records; it must not fail."""

    def _take(self, record: SQSRecord) -> None:
        self._handle_record(record)
        if _receives(record.raw_event) > 1:
            queue_url = self._queue_url(record)
            self.service.aws.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=record.receipt_handle)

    @abstractmethod
    def _handle_record(self, record: SQSRecord) -> None:
        """Handle one record; raising leaves it in the queue."""

    def _queue_url(self, record: SQSRecord) -> str:
        """That of the queue which the record is from: a consumer has a second one, for replayed events."""
        queue_url = self.service.settings.queue_url
        arn = str(record.raw_event.get("eventSourceARN", ""))
        return f"{queue_url}{REPLAYED}" if arn.endswith(f"-events{REPLAYED}") else queue_url

    def _settle(
        self,
        record: SQSRecord,
        handle: Callable[[], None],
        give_up: Callable[[Exception, int], None] | None = None,
    ) -> None:
        """Run the handler and end the record in one of the four ways."""
        receives = int(record.attributes.approximate_receive_count)
        note_attempt(receives)
        settings = self.service.settings
        try:
            handle()
            metrics.add_metric("EventsHandled", MetricUnit.Count, 1)
        except AlreadyAppliedError:
            metrics.add_metric("EventsSkipped", MetricUnit.Count, 1)
        except PermanentError as error:
            self._dead_letter(record, PoisonError(error.code, str(error)))
        except Exception as error:
            # Whatever it is, the message must not be lost: it stays in the queue, or is dead-lettered with its reason.
            if receives < settings.max_receives:
                back_off(self.service.aws.sqs, self._queue_url(record), record, error)
                raise
            if give_up is not None:
                self._give_up(error, receives, give_up)
            self._dead_letter(record, PoisonError(f"gave-up:{type(error).__name__}", str(error)))

    def _give_up(self, error: Exception, receives: int, give_up: Callable[[Exception, int], None]) -> None:
        try:
            give_up(error, receives)
        except Exception:
            # The message goes on to the dead-letter queue with the error that brought it there: left in the queue, SQS
            # would move it without any reason. A redrive tries all of it again.
            logger.exception("giving up failed")

    def _dead_letter(self, record: SQSRecord, poison: PoisonError) -> None:
        settings = self.service.settings
        first = poison.violations[0] if poison.violations else None
        letter = DeadLetter(
            body=record.body,
            reason=poison.code,
            detail=detail_of(poison.code, poison.detail),
            service=settings.service,
            function=settings.function,
            receives=int(record.attributes.approximate_receive_count),
            message_id=record.message_id,
            rule=first.rule if first else "",
            path=first.path if first else "",
            violations=len(poison.violations),
        )
        send_dead_letter(self.service.aws.sqs, settings.dead_letter_queue_url, letter, poison.violations)


def _receives(record: Mapping[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def _in_turn(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records as they arrived, those that came back last, and these forwards and backwards by turns.

    Whatever stands behind a record that ends the function stands before it the next time.
    """
    by_id = sorted(records, key=lambda record: record["messageId"])
    odd = [record for record in by_id if _receives(record) % 2]
    even = [record for record in reversed(by_id) if not _receives(record) % 2]
    fresh = [record for record in records if _receives(record) == 1]
    return fresh + sorted((r for r in odd + even if _receives(r) > 1), key=_receives)
