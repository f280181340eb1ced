"""The consumer entry point: SQS batch -> EventBridge envelope -> CloudEvent -> typed handler.

A record ends in one of four ways. Applied (or applied before): it leaves the queue. Poison (not an event of ours, or a
`PermanentError`): it goes to the dead-letter queue with its reason, alone. A fault that may pass: it stays in the queue
and comes back with back-off. The same fault for the last time: dead-letter queue, with the reason.
"""

import json
import random
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from chassis import aws
from chassis.errors import AlreadyAppliedError, PermanentError, TransientError
from chassis.observability import (
    MetricUnit,
    annotate,
    event_context,
    hash_tenant,
    logger,
    metrics,
    striking_out,
    struck_out,
)
from chassis.service import Service
from contracts import REGISTRY, Contract, ContractError, Event, InvalidEventError, NoUpcasterError, Violation
from contracts.personal import redaction

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

T = TypeVar("T", bound=Contract)
M = TypeVar("M")
MAX_BACKOFF_S = 900
_UNSENDABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_attempt: ContextVar[int] = ContextVar("attempt", default=1)


def attempt() -> int:
    """Which delivery of the current message this is: 1, 2, …"""
    return _attempt.get()


@dataclass(frozen=True, slots=True)
class Subscription(Generic[T]):
    """What to do with events of one contract; see `on`."""

    contract: type[T]
    handle: Callable[[Event[T]], None]
    prepare: Callable[[Sequence[Event[T]]], None] | None = None
    give_up: Callable[[Event[T], Exception, int], None] | None = None


def on(
    contract: type[T],
    handle: Callable[[Event[T]], None],
    *,
    prepare: Callable[[Sequence[Event[T]]], None] | None = None,
    give_up: Callable[[Event[T], Exception, int], None] | None = None,
) -> "Subscription[Any]":
    """Subscribe a handler.

    `prepare` sees all fresh events of a batch at once, before the first is handled (for work that is cheaper together).
    A `TransientError` in it is the fault of each; after any other each event is prepared alone when its turn comes, so
    that the one at fault does not take its neighbours along. `give_up` is called with the event, the last fault and the
    number of attempts before an event that kept failing goes to the dead-letter queue.
    """
    return Subscription(contract, handle, prepare, give_up)


@dataclass(frozen=True, slots=True)
class PoisonError(Exception):
    """A message that no retry will mend; `violations` are the broken rules of an event's contract and their places."""

    code: str
    detail: str
    violations: tuple[Violation, ...] = ()


class _BatchEntry(ABC):
    """A Lambda entry point for an SQS queue: the loop over a batch, and how each record ends."""

    def __init__(self, service: Service[Any]) -> None:
        self._service = service
        self._processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def __call__(self, event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
        """Handle a batch; the answer names the records that stay in the queue."""
        started = time.perf_counter()
        self._open_batch(event["Records"])
        answer = process_partial_response(
            event=event, record_handler=self._handle_record, processor=self._processor, context=context
        )
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

    @abstractmethod
    def _handle_record(self, record: SQSRecord) -> None:
        """Deal with one record; raising leaves it in the queue."""

    def _settle(
        self,
        record: SQSRecord,
        handle: Callable[[], None],
        give_up: Callable[[Exception, int], None] | None = None,
    ) -> None:
        """Run the handler and end the record in one of the four ways."""
        receives = int(record.attributes.approximate_receive_count)
        _attempt.set(receives)
        try:
            handle()
            metrics.add_metric("EventsHandled", MetricUnit.Count, 1)
        except AlreadyAppliedError:
            metrics.add_metric("EventsSkipped", MetricUnit.Count, 1)
        except PermanentError as error:
            dead_letter(self._service, record, error.code, str(error))
        except Exception as error:
            # Whatever it is, the message must not be lost: it stays in the queue, or dies with its reason.
            if receives < self._service.settings.max_receives:
                back_off(self._service, record, error)
                raise
            if give_up is not None:
                self._give_up(error, receives, give_up)
            dead_letter(self._service, record, f"gave-up:{type(error).__name__}", str(error))

    def _give_up(self, error: Exception, receives: int, give_up: Callable[[Exception, int], None]) -> None:
        try:
            give_up(error, receives)
        except Exception:
            # The message goes on to the dead-letter queue with the fault that brought it there: left in the queue, SQS
            # would move it without any reason. A redrive tries all of it again.
            logger.exception("giving up failed")


class QueueConsumer(_BatchEntry, Generic[M]):
    """A Lambda entry point for a queue of other messages than our events.

    `read` makes a message of a body and raises `PoisonError` where it cannot; `handle` must bear duplicates by itself,
    for there is no event id to put into an inbox.
    """

    def __init__(self, service: Service[Any], read: Callable[[str], M], handle: Callable[[M], None]) -> None:
        super().__init__(service)
        self._read = read
        self._handle = handle

    def _open_batch(self, records: Sequence[dict[str, Any]]) -> None:
        """Nothing is known of such messages before each is read."""

    def _handle_record(self, record: SQSRecord) -> None:
        try:
            message = self._read(record.body)
        except PoisonError as poison:
            dead_letter(self._service, record, poison.code, poison.detail, poison.violations)
            return
        self._settle(record, lambda: self._handle(message))


class EventConsumer(_BatchEntry):
    """A Lambda entry point for a queue of our events: call it with the SQS event and the context."""

    def __init__(self, service: Service[Any], subscriptions: Sequence["Subscription[Any]"]) -> None:
        super().__init__(service)
        # Events of older majors of a fact reach the same handler, upcast to the contract that it understands.
        self._subscriptions = {
            event_type: subscription
            for subscription in subscriptions
            for event_type in understood_types(subscription.contract)
        }
        self._understood = {
            event_type: subscription.contract for event_type, subscription in self._subscriptions.items()
        }
        self._decoded: dict[str, Event[Contract] | PoisonError] = {}
        self._prepare_fault: dict[str, TransientError] = {}
        self._unprepared: set[str] = set()
        self._applied: set[tuple[str, str]] = set()

    def _open_batch(self, records: Sequence[dict[str, Any]]) -> None:
        self._decoded = {record["messageId"]: self._decode(record["body"]) for record in records}
        self._look_ahead([event for event in self._decoded.values() if isinstance(event, Event)])

    def _decode(self, body: str) -> Event[Contract] | PoisonError:
        try:
            return decode(body, self._understood)
        except PoisonError as poison:
            return poison  # dealt with when its turn comes

    def _look_ahead(self, readable: list[Event[Contract]]) -> None:
        """One look into the inbox for the whole batch, then the subscriptions' `prepare` on what is fresh."""
        self._prepare_fault = {}
        self._unprepared = set()
        self._applied = set()
        if not readable:
            return
        try:
            self._applied = self._service.work.applied(readable)
        except TransientError as error:
            self._prepare_fault = {event.id: error for event in readable}
            return
        for event_type, subscription in self._subscriptions.items():
            fresh = [e for e in readable if e.type == event_type and not self._was_applied(e)]
            if subscription.prepare is None or not fresh:
                continue
            try:
                subscription.prepare(fresh)
            except TransientError as error:
                self._prepare_fault |= {event.id: error for event in fresh}
            except Exception:
                with striking_out(redaction(*(event.data for event in fresh))):
                    logger.exception("batch not prepared, preparing one by one", extra={"events": len(fresh)})
                self._unprepared |= {event.id for event in fresh}

    def _was_applied(self, event: Event[Contract]) -> bool:
        return (event.id, event.replay_id or "") in self._applied

    def _handle_record(self, record: SQSRecord) -> None:
        event = self._decoded[record.message_id]
        if isinstance(event, PoisonError):
            dead_letter(self._service, record, event.code, event.detail, event.violations)
            return
        subscription = self._subscriptions.get(event.type)
        if subscription is None:
            dead_letter(self._service, record, "not-subscribed", f"nothing here handles {event.type}")
            return
        context = event_context(
            correlation_id=event.correlation_id,
            event_id=event.id,
            event_type=event.type,
            tenant=hash_tenant(event.tenant_id),
            replay_id=event.replay_id,
        )
        with context, striking_out(redaction(event.data)):
            self._handle_event(record, event, subscription)

    def _handle_event(self, record: SQSRecord, event: Event[Contract], subscription: "Subscription[Any]") -> None:
        annotate(correlation_id=event.correlation_id, event_type=event.type)
        if self._was_applied(event) or (event.replay_for and event.replay_for != self._service.settings.service):
            metrics.add_metric("EventsSkipped", MetricUnit.Count, 1)
            return

        def handle() -> None:
            fault = self._prepare_fault.get(event.id)
            if fault is not None:
                raise fault
            if subscription.prepare is not None and event.id in self._unprepared:
                subscription.prepare([event])
            subscription.handle(event)
            if event.replay_id is None:
                lag = datetime.now(UTC) - event.time
                metrics.add_metric("ProjectionLag", MetricUnit.Milliseconds, round(lag / timedelta(milliseconds=1)))

        give_up = subscription.give_up
        self._settle(
            record,
            handle,
            None if give_up is None else lambda error, receives: give_up(event, error, receives),
        )


def understood_types(contract: type[Contract]) -> tuple[str, ...]:
    """Event types that a reader of the contract understands: its own, and older majors of the fact by upcasters."""
    older = (major.event_type for major in REGISTRY.majors(contract.event_type) if major.major() < contract.major())
    return (*older, contract.event_type)


def decode(body: str, understood: Mapping[str, type[Contract]] = {}) -> Event[Contract]:
    """The CloudEvent in the EventBridge envelope that is an SQS message's body.

    An event type that `understood` names is read as that contract, whatever its major; any other as its newest.

    Raises:
        PoisonError: it is not JSON, not an envelope, or not a valid event under a contract of ours.
    """
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PoisonError("not-json", str(error)) from error
    detail = envelope.get("detail") if isinstance(envelope, dict) else None
    if not isinstance(detail, dict):
        raise PoisonError("not-an-envelope", "the message is no EventBridge envelope with a detail object")
    if envelope.get("detail-type") != detail.get("type") or envelope.get("source") != detail.get("source"):
        # The bus rule matched the envelope; an event that says otherwise inside went round somebody's permissions.
        raise PoisonError("mismatched-envelope", "the envelope's source or detail-type is not the event's")
    contract = understood.get(str(detail.get("type")))
    try:
        return REGISTRY.read(detail) if contract is None else REGISTRY.read_as(detail, contract)
    except InvalidEventError as error:
        raise PoisonError("invalid-event", "; ".join(map(str, error.violations)), error.violations) from error
    except NoUpcasterError as error:
        raise PoisonError("no-upcaster", str(error)) from error
    except ContractError as error:
        raise PoisonError("unknown-event", str(error)) from error


def back_off(service: Service[Any], record: SQSRecord, error: Exception) -> None:
    """Let the message come back later: 3^receives seconds, at most 15 minutes, with jitter; or when the provider said.

    Seven times of that are 17 to 33 minutes: what restarts meanwhile, a database say, costs nobody a redrive.
    """
    receives = int(record.attributes.approximate_receive_count)
    wish = error.retry_after_s if isinstance(error, TransientError) else None
    jitter = random.uniform(0.5, 1)  # noqa: S311 - no secret
    delay = wish if wish is not None else jitter * min(3**receives, MAX_BACKOFF_S)
    logger.warning(
        "will be tried again",
        exc_info=not isinstance(error, TransientError),
        extra={"error": str(error), "receives": receives, "delay_s": round(delay, 1)},
    )
    metrics.add_metric("EventsRetried", MetricUnit.Count, 1)
    aws.sqs().change_message_visibility(
        QueueUrl=service.settings.queue_url,
        ReceiptHandle=record.receipt_handle,
        VisibilityTimeout=min(max(round(delay), 1), MAX_BACKOFF_S),
    )


def sendable(text: str) -> str:
    """The text with blanks where SQS takes no character: controls, lone surrogates, non-characters.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    return _UNSENDABLE.sub(" ", text)


def dead_letter(
    service: Service[Any], record: SQSRecord, code: str, detail: str, violations: Sequence[Violation] = ()
) -> None:
    """Move the message to the dead-letter queue with its reason as message attributes.

    Of an event that breaks its contract, `rule` and `path` are those of the first violation; `detail` tells all.
    SQS's own redrive keeps no reason; it stays in place for the crash that never gets here.
    """
    settings = service.settings
    detail = struck_out(detail)
    attributes = {
        "reason": code,
        "detail": detail[:1000] or code,
        "service": settings.service,
        "function": settings.function,
        "receives": record.attributes.approximate_receive_count,
        "message_id": record.message_id,
    }
    if violations:
        attributes |= {"rule": violations[0].rule, "path": violations[0].path, "violations": str(len(violations))}
    aws.sqs().send_message(
        QueueUrl=settings.dead_letter_queue_url,
        MessageBody=record.body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": sendable(value)} for name, value in attributes.items() if value
        },
    )
    broken = [{"rule": violation.rule, "path": violation.path} for violation in violations[:5]]
    logger.error(
        "dead-lettered", extra={"reason": code, "detail": detail[:300]} | ({"violations": broken} if broken else {})
    )
    metrics.add_metric("EventsDeadLettered", MetricUnit.Count, 1)
