"""The entry point of a service's replays: orders of operators, and the steps that its own reports begin."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from chassis.errors import PermanentError
from chassis.observability import logger
from chassis.queue import EventConsumer, Subscription, on
from chassis.replays import pages, rows
from chassis.replays.pace import backlog_of
from chassis.replays.rows import Replay
from chassis.service import Service
from chassis.work import Complete, UnitOfWork
from contracts import REGISTRY, Contract, Event, ReplayKind, new_event
from contracts.operations import (
    BudgetReport,
    ReplayCancelled,
    ReplayPaused,
    ReplayReport,
    ReplayRequested,
    ReplayResumed,
    ReplayState,
)

__all__ = ["on_replays"]

_ENDED = frozenset({ReplayState.COMPLETED, ReplayState.CANCELLED, ReplayState.FAILED})
#: What an order makes of a replay, and of which ones.
_PAUSABLE = frozenset({ReplayState.RUNNING})
_RESUMABLE = frozenset({ReplayState.PAUSED, ReplayState.FAILED})
_CANCELLABLE = _PAUSABLE | _RESUMABLE


def on_replays(service: Service[Any], *others: Subscription[Any]) -> EventConsumer:
    """Orders of operators about replays, reports on budgets and on its own replays, and other orders that it takes."""
    replays = _Replays(service)
    stop = replays.turning(ReplayState.CANCELLED, _CANCELLABLE)
    return EventConsumer(
        service,
        [
            on(ReplayRequested, replays.take_up),
            on(ReplayPaused, replays.turning(ReplayState.PAUSED, _PAUSABLE)),
            on(ReplayResumed, replays.turning(ReplayState.RUNNING, _RESUMABLE)),
            on(ReplayCancelled, stop),
            *(on(contract, stop) for contract in REGISTRY if issubclass(contract, BudgetReport)),
            on(replays.progressed, replays.go_on, give_up=replays.give_up),
            *others,
        ],
    )


@dataclass(frozen=True)
class _Replays:
    service: Service[Any]

    @property
    def progressed(self) -> type[ReplayReport]:
        """The service's report that a replay has begun, goes on, or was paused."""
        return self._report_type("replay-progressed")

    def take_up(self, event: Event[ReplayRequested]) -> Complete | None:
        """Take up the replay if this service owns selected events; the report begins its first step.

        Raises:
            PermanentError: there is no such consumer.
            TransientError: the database or the consumer's queue does not answer.
        """
        order = event.data
        if not pages.types_of(self.service, order.selection):
            return None
        backlog_of(self.service, order.consumer)()
        counts, until = pages.begin(self.service, order.selection)
        replay = Replay(
            id=event.subject,
            consumer=order.consumer,
            kind=order.kind,
            selection=order.selection,
            rate=order.rate,
            until=until,
            requested_at=event.time,
            counts=counts,
            attributes=_attributes(order),
        )

        def complete(work: UnitOfWork) -> None:
            # An order to pause or to cancel may have overtaken this one.
            begun = replace(replay, state=rows.kept_turn(work.connection, replay.id) or replay.state)
            if rows.add(work.connection, begun):
                self._report(work, event, begun)

        return complete

    def go_on(self, event: Event[ReplayReport]) -> Complete | None:
        """The step that the report begins; the unit of work ends it with the next report.

        Raises:
            TransientError: as `pages.work_on`; what is saved stays done.
        """
        with self.service.database.transaction() as connection:
            replay = rows.find(connection, event.subject)
        if replay is None or not self._is_of(event, replay):
            return None
        try:
            state = ReplayState.COMPLETED if pages.work_on(self.service, replay) else ReplayState.RUNNING
        except PermanentError as error:
            logger.error("replay failed", extra={"replay": replay.id, "error": str(error)})
            state = ReplayState.FAILED
        return lambda work: self._end_step(work, event, state)

    def turning(self, state: ReplayState, of: frozenset[ReplayState]) -> Callable[[Event[Any]], Complete]:
        """The reaction that lets a replay in one of those states begin a step in the given one."""
        return lambda event: partial(self._turn, event=event, state=state, of=of)

    def _turn(self, work: UnitOfWork, event: Event[Contract], state: ReplayState, of: frozenset[ReplayState]) -> None:
        replay = rows.find(work.connection, event.subject)
        if replay is None:
            rows.keep_turn(work.connection, event.subject, state, event.time)
        elif replay.state in of:
            self._begin_step(work, event, replay, state)

    def give_up(self, work: UnitOfWork, event: Event[ReplayReport], _error: Exception, attempts: int) -> None:
        """The step kept failing; the replay can be resumed."""
        logger.error("replay failed", extra={"replay": event.subject, "attempts": attempts})
        self._end_step(work, event, ReplayState.FAILED)

    def _end_step(self, work: UnitOfWork, event: Event[ReplayReport], state: ReplayState) -> None:
        replay = rows.find(work.connection, event.subject)
        if replay is not None and self._is_of(event, replay):
            self._begin_step(work, event, replay, state)

    def _is_of(self, event: Event[ReplayReport], replay: Replay) -> bool:
        """Whether the report is the replay's latest: an earlier step was paused, cancelled, or ended twice."""
        return replay.state is ReplayState.RUNNING and event.data.step == replay.step

    def _begin_step(self, work: UnitOfWork, cause: Event[Contract], replay: Replay, state: ReplayState) -> None:
        rows.step(work.connection, replay, state)
        self._report(work, cause, replace(replay, step=replay.step + 1, state=state))

    def _report(self, work: UnitOfWork, cause: Event[Contract], replay: Replay) -> None:
        contract = self._report_type("replay-completed") if replay.state in _ENDED else self.progressed
        report = contract(
            consumer=replay.consumer,
            kind=replay.kind,
            state=replay.state,
            step=replay.step,
            counts=replay.counts,
            position=replay.checkpoint.position,
        )
        work.record(new_event(report, subject=replay.id, tenant_id=cause.tenant_id, cause=cause))
        published = sum(each.published for each in replay.counts)
        logger.info("replay", extra={"replay": replay.id, "state": replay.state, "published": published})

    def _report_type(self, fact: str) -> type[ReplayReport]:
        contract = REGISTRY.contract(f"collections.{self.service.settings.service}.{fact}.v1")
        return cast("type[ReplayReport]", contract)


def _attributes(order: ReplayRequested) -> dict[str, str]:
    """Of the envelope of each event: how the consumer is to reprocess. Without a budget, nothing may be paid."""
    if order.kind is not ReplayKind.REPROCESS:
        return {}
    attributes = {"replaybudget": f"{order.budget_usd or 0:.6f}", "replayforce": "true" if order.force else "false"}
    named = {
        "replaymodel": order.model,
        "replayprompt": order.prompt,
        "replaymode": str(order.mode) if order.mode else None,
        "replayrun": order.run,
        "replayversion": str(order.version) if order.version else None,
    }
    return attributes | {name: value for name, value in named.items() if value is not None}
