"""Consumers of our events: each is folded into the projections and reacted to, once."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from chassis.errors import PermanentError, PoisonError, TransientError
from chassis.observability import MetricUnit, annotate, event_context, hash_tenant, logger, metrics, redacting
from chassis.queue.dead_letters import erase_letters_of
from chassis.queue.decoding import decode
from chassis.queue.entry import QueueEntry
from chassis.queue.subscriptions import React, Subscription, understood_types
from chassis.service import Service
from chassis.work import Complete, UnitOfWork
from contracts import Contract, Event
from contracts.ingest import ItemDeleted
from contracts.personal import redaction

__all__ = ["EventConsumer"]


class EventConsumer(QueueEntry):
    """A Lambda entry point for a queue of our events: call it with the SQS event and the context."""

    def __init__(self, service: Service[Any], subscriptions: Sequence["Subscription[Any]"]) -> None:
        super().__init__(service)
        # Events of older majors of a fact reach the same handler, upcast to the contract that it understands.
        self._subscriptions = {
            event_type: subscription
            for subscription in subscriptions
            for event_type in understood_types(subscription.contract)
        }
        self._batch = _Batch()

    @property
    def contracts(self) -> Mapping[str, type[Contract]]:
        """What is consumed: event type -> the contract under which it is read."""
        return {event_type: subscription.contract for event_type, subscription in self._subscriptions.items()}

    @property
    def reacts_to(self) -> frozenset[str]:
        """The facts of which more follows than a fold."""
        subscriptions = self._subscriptions.values()
        return frozenset(each.contract.fact() for each in subscriptions if each.react is not None)

    def _open_batch(self, records: Sequence[dict[str, Any]]) -> None:
        self._batch = _Batch()
        understood = self.contracts
        for record in records:
            try:
                self._batch.decoded[record["messageId"]] = decode(record["body"], understood)
            except PoisonError as poison:
                self._batch.decoded[record["messageId"]] = poison  # dealt with when its turn comes
        self._look_ahead([event for event in self._batch.decoded.values() if isinstance(event, Event)])

    def _look_ahead(self, readable: list[Event[Contract]]) -> None:
        """One look into the inbox for the whole batch, then the subscriptions' `prepare` on what is fresh."""
        batch = self._batch
        if not readable:
            return
        try:
            batch.applied = self.service.work.applied(readable)
        except TransientError as error:
            batch.faults = {event.id: error for event in readable}
            return
        for event_type, subscription in self._subscriptions.items():
            if subscription.prepare is None:
                continue
            fresh = [e for e in readable if e.type == event_type and e.wants_reactions and not self._is_done(e)]
            if not fresh:
                continue
            try:
                self._prepare(subscription, fresh)
            except TransientError as error:
                batch.faults |= {event.id: error for event in fresh}
            except Exception:
                with redacting(redaction(*(event.data for event in fresh))):
                    logger.exception("batch not prepared, preparing one by one", extra={"events": len(fresh)})
                batch.unprepared |= {event.id for event in fresh}

    def _close_batch(self) -> None:
        """What is deleted is so by now: it has not waited for the letters about it."""
        letters = self.service.settings.dead_letter_queue_url
        if letters and self._batch.deleted:
            erase_letters_of(self.service.aws.sqs, letters, self._batch.deleted)

    def _prepare(self, subscription: "Subscription[Any]", events: Sequence[Event[Any]]) -> None:
        if subscription.fold_first:
            for event in events:
                self._fold_first(event)
        if subscription.prepare is not None:
            subscription.prepare(events)

    def _is_done(self, event: Event[Contract]) -> bool:
        """Whether there is nothing to do: it was applied before, or is replayed for another consumer."""
        meant_for_others = event.replay_for is not None and event.replay_for != self.service.settings.service
        return meant_for_others or (event.id, event.replay_id or "") in self._batch.applied

    def _handle_record(self, record: SQSRecord) -> None:
        event = self._batch.decoded[record.message_id]
        if isinstance(event, PoisonError):
            self._dead_letter(record, event)
            return
        subscription = self._subscriptions.get(event.type)
        if subscription is None:
            self._dead_letter(record, PoisonError("not-subscribed", f"nothing here handles {event.type}"))
            return
        context = event_context(
            correlation_id=event.correlation_id,
            event_id=event.id,
            event_type=event.type,
            tenant=hash_tenant(event.tenant_id),
            replay_id=event.replay_id,
        )
        with context, redacting(redaction(event.data)):
            self._handle_event(record, event, subscription)

    def _handle_event(self, record: SQSRecord, event: Event[Any], subscription: "Subscription[Any]") -> None:
        annotate(correlation_id=event.correlation_id, event_type=event.type)
        if self._is_done(event):
            self._batch.note_deletion(event)  # the delivery before may have ended between the two
            metrics.add_metric("EventsSkipped", MetricUnit.Count, 1)
            return

        def give_up(error: Exception, receives: int) -> None:
            with self.service.work.on(event.tenant_id, event.subject) as work:
                if subscription.react is not None:
                    self._fold(work, event)  # a fact all the same, whatever the outcome of the reaction
                if subscription.give_up is not None:
                    subscription.give_up(work, event, error, receives)

        # Where nothing is left to do, no connection to an unavailable database is waited for.
        leaves_something = event.wants_reactions and (subscription.react or subscription.give_up)
        self._settle(record, lambda: self._apply(event, subscription), give_up if leaves_something else None)

    def _apply(self, event: Event[Any], subscription: "Subscription[Any]") -> None:
        """Fold the event and react to it, in one unit of work; of a rebuild's replay only the fold happens."""
        fault = self._batch.faults.get(event.id)
        if fault is not None:
            raise fault
        complete = None
        if subscription.react is not None and event.wants_reactions:
            if subscription.prepare is None and subscription.fold_first:
                self._fold_first(event)
            if event.id in self._batch.unprepared:
                self._prepare(subscription, [event])
            complete = self._react(event, subscription.react)
        with self.service.work.applying(event) as work:
            self._fold(work, event)
            if complete is not None:
                complete(work)
        # A batch may hold an event twice: the second does no outside work.
        self._batch.applied.add((event.id, event.replay_id or ""))
        self._batch.note_deletion(event)
        if event.replay_id is None:
            lag = datetime.now(UTC) - event.time
            metrics.add_metric("ProjectionLag", MetricUnit.Milliseconds, round(lag / timedelta(milliseconds=1)))

    def _react(self, event: Event[Any], react: React[Any]) -> Complete | None:
        try:
            return react(event)
        except PermanentError:
            self._fold_first(event)  # it will not come back, and is a fact all the same
            raise

    def _fold_first(self, event: Event[Any]) -> None:
        if event.id not in self._batch.folded:
            with self.service.work.on(event.tenant_id, event.subject) as work:
                work.fold(event)
            self._batch.folded.add(event.id)

    def _fold(self, work: UnitOfWork, event: Event[Any]) -> None:
        """Fold the event, unless that was committed before the outside work: once more would change nothing."""
        if event.id not in self._batch.folded:
            work.fold(event)


class _Batch:
    """What is known of the records of the current invocation."""

    def __init__(self) -> None:
        self.decoded: dict[str, Event[Contract] | PoisonError] = {}
        self.applied: set[tuple[str, str]] = set()
        self.faults: dict[str, TransientError] = {}
        self.unprepared: set[str] = set()
        self.folded: set[str] = set()
        self.deleted: set[tuple[str, str]] = set()

    def note_deletion(self, event: Event[Any]) -> None:
        """The event is applied: if its item is deleted by it, so are letters about the item."""
        if isinstance(event.data, ItemDeleted) and event.replay_id is None:
            self.deleted.add((event.tenant_id, event.subject))
