"""What operators order for all pictures: descriptions by another model or prompt, within a budget.

They are new versions, or candidates beside the live ones; a rollback makes an earlier version current once more, and
pays nobody.

The most that a call can cost is reserved in the replay's budget before it, by all workers together; what it did cost is
counted in the transaction of its result.
"""

import time
import uuid
from dataclasses import dataclass, replace
from functools import partial

from analysis.analyst import Analyst, Plan
from analysis.describe import Result, most_usd
from analysis.errors import NotDescribedError, PromptUnknownError
from analysis.providers import Choice
from analysis.repository import analyses, candidates, leases, pictures
from analysis.repository.pictures import PictureRecord
from chassis import budgets
from chassis.budgets import Outcome, Reservation
from chassis.database import Connection
from chassis.errors import PermanentError, TransientError
from chassis.observability import logger
from chassis.queue import attempt
from chassis.work import Complete, UnitOfWork, UnitsOfWork
from contracts import Contract, Event, ReprocessMode, new_event
from contracts.analysis import AnalysisFailed, AnalysisFailure, BudgetSpent, CandidateAnalyzed
from contracts.imaging import ImageProcessed
from contracts.operations import OPERATORS


@dataclass(frozen=True)
class Reprocessing:
    """Describes pictures of replays that have a budget; `budget_s` bounds the calls for one picture, in seconds."""

    work: UnitsOfWork
    analyst: Analyst
    budget_s: float

    def describe(self, event: Event[ImageProcessed], picture: PictureRecord) -> Complete | None:
        """Describe the picture by the model and prompt that were ordered, unless that is done or the budget is spent.

        Raises:
            PermanentError: the model has no known price, or there is no such prompt.
            TransientError: a later attempt may succeed.
        """
        if event.replay_mode is ReprocessMode.ROLLBACK:
            return partial(self._roll_back, event=event, picture=picture)
        plan = self._plan(event)
        with self.work.database.transaction() as connection:
            if not event.is_forced and self._is_done(connection, event, picture, plan):
                return _counting(event, Outcome.REUSED)
            known = None if event.is_forced else _find_result(connection, picture, plan)
            if not self._may_describe(connection, event, picture):
                return None  # deleted
        if known is not None:
            free = replace(known, input_tokens=0, output_tokens=0, cost_usd=0.0)
            return partial(self._complete, event=event, picture=picture, result=free)
        reservation = budgets.reserve(self.work.database, event, _most_usd(plan))
        if reservation is None:
            if event.replay_mode is None:
                with self.work.database.transaction() as connection:
                    leases.end(connection, picture.tenant_id, picture.item_id)  # a request need not wait for it
            self._stop(event)
            return _counting(event, Outcome.LEFT_OVER)
        return self._ask(event, picture, plan, reservation)

    def _is_done(
        self, connection: Connection, event: Event[ImageProcessed], picture: PictureRecord, plan: Plan
    ) -> bool:
        if event.replay_mode is ReprocessMode.CANDIDATES:
            return candidates.exists(connection, picture.tenant_id, picture.item_id, str(event.run_id))
        current = analyses.find_latest(connection, picture.tenant_id, picture.item_id)
        return analyses.is_by(current, picture, plan.prompt.id, plan.choice)

    def _may_describe(self, connection: Connection, event: Event[ImageProcessed], picture: PictureRecord) -> bool:
        """Whether the picture is there; no request waits for a candidate, so that one takes no lease."""
        if event.replay_mode is ReprocessMode.CANDIDATES:
            return pictures.find(connection, picture.tenant_id, picture.item_id) is not None
        return leases.take(connection, picture.tenant_id, picture.item_id, self.budget_s, seize=True)

    def give_up(self, work: UnitOfWork, event: Event[Contract]) -> bool:
        """The last attempt failed; True where nothing else follows: the item has a description, or gets a candidate."""
        budgets.count(work.connection, event, Outcome.FAILED)
        if event.replay_mode is not None:
            return True
        leases.end(work.connection, work.tenant_id, work.subject)
        return analyses.find_latest(work.connection, work.tenant_id, work.subject) is not None

    def _plan(self, event: Event[ImageProcessed]) -> Plan:
        try:
            plan = self.analyst.plan(model=event.replay_model, prompt=event.replay_prompt)
        except PromptUnknownError as error:
            if self.analyst.describer.langsmith.client is not None:
                raise TransientError(str(error)) from error  # LangSmith may give it soon
            raise PermanentError("unknown-prompt", str(error)) from error
        # Nobody stands in for the model that was ordered.
        return replace(plan, choice=replace(plan.choice, asked=True))

    def _ask(
        self, event: Event[ImageProcessed], picture: PictureRecord, plan: Plan, reservation: Reservation
    ) -> Complete:
        began = time.monotonic()
        try:
            result = self.analyst.describe(picture, plan, fresh=True, fallback=False, budget_s=self.budget_s)
        except TransientError as error:
            # Whatever is no error of a provider happened before it was asked.
            with self.work.database.transaction() as connection:
                budgets.settle(connection, reservation, 0 if getattr(error, "unpaid", True) else None)
                if event.replay_mode is None:
                    leases.end(connection, picture.tenant_id, picture.item_id)
            raise
        except NotDescribedError as error:
            return partial(self._fail, event=event, choice=plan.choice, error=error, reservation=reservation)
        took_ms = round((time.monotonic() - began) * 1000)
        return partial(
            self._complete, event=event, picture=picture, result=result, reservation=reservation, took_ms=took_ms
        )

    def _complete(
        self,
        work: UnitOfWork,
        event: Event[ImageProcessed],
        picture: PictureRecord,
        result: Result,
        reservation: Reservation | None = None,
        took_ms: int | None = None,
    ) -> None:
        if reservation is not None:
            budgets.settle(work.connection, reservation, result.cost_usd)
        budgets.count(work.connection, event, Outcome.MADE if reservation else Outcome.REUSED)
        if work.is_deleted():
            return
        if event.replay_mode is ReprocessMode.CANDIDATES:
            _record_candidate(work, event, picture, result, took_ms)
        else:
            self.analyst.record(work, picture, result, event, run=event.run_id)

    def _roll_back(self, work: UnitOfWork, event: Event[ImageProcessed], picture: PictureRecord) -> None:
        """Make the version before the run, or the one that was named, current once more, as a new version.

        Counted as reused; what stays as it is, because it is not of the run or there is no other, as left over.
        """
        subject = work.connection, picture.tenant_id, picture.item_id
        current = analyses.made(*subject)
        if work.is_deleted():
            return
        if event.replay_version is None:
            earlier = analyses.before_run(*subject, str(event.replay_run))
        else:
            earlier = analyses.made(*subject, version=int(event.replay_version))
        if earlier is None or current is None or earlier.version == current.version:
            budgets.count(work.connection, event, Outcome.LEFT_OVER)
            return
        budgets.count(work.connection, event, Outcome.REUSED)
        free = replace(earlier.result, input_tokens=0, output_tokens=0, cost_usd=0.0)
        self.analyst.record(work, picture, free, event, run=event.replay_id, restored=earlier)

    def _fail(
        self,
        work: UnitOfWork,
        event: Event[ImageProcessed],
        choice: Choice,
        error: NotDescribedError,
        reservation: Reservation,
    ) -> None:
        budgets.settle(work.connection, reservation, 0 if error.unpaid else None)
        if not self.give_up(work, event):
            record_failure(work, event, choice, error.reason, str(error), attempt())

    def _stop(self, event: Event[ImageProcessed]) -> None:
        """Say once that the budget is spent: those that publish for this replay stop."""
        replay_id = str(event.replay_id)
        with self.work.on(OPERATORS, replay_id) as work:
            spending = budgets.spending(work.connection, replay_id)
            if spending is None or not budgets.spend(work.connection, replay_id):
                return
            fact = BudgetSpent(budget_usd=float(spending.budget_usd), spent_usd=float(spending.spent_usd))
            work.record(new_event(fact, subject=replay_id, tenant_id=OPERATORS, correlation_id=replay_id))
        logger.warning("budget spent", extra={"replay": replay_id})


def record_failure(
    work: UnitOfWork, event: Event[Contract], choice: Choice, reason: AnalysisFailure, detail: str, attempts: int
) -> None:
    """The item has no description; `detail` quotes nothing of the picture."""
    if work.is_deleted():
        return
    leases.end(work.connection, work.tenant_id, work.subject)
    failed = AnalysisFailed(
        reason=reason, detail=detail[:300], attempts=attempts, provider=choice.provider, model=choice.model
    )
    work.record(new_event(failed, subject=event.subject, tenant_id=event.tenant_id, cause=event))


def _record_candidate(
    work: UnitOfWork, event: Event[ImageProcessed], picture: PictureRecord, result: Result, took_ms: int | None
) -> None:
    """Record the description beside the live version, which stays as it is."""
    candidate = CandidateAnalyzed(
        candidate_id=str(uuid.uuid4()),
        run=str(event.run_id),
        description=result.description,
        provider=result.provider,
        model=result.model,
        prompt_id=result.prompt_id,
        trace_id=result.trace_id,
        input_tokens=result.input_tokens,
        output_tokens=result.output_tokens,
        cost_usd=result.cost_usd,
        duration_ms=took_ms,
        sha256=picture.sha256,
    )
    work.record(new_event(candidate, subject=picture.item_id, tenant_id=picture.tenant_id, cause=event))


def _find_result(connection: Connection, picture: PictureRecord, plan: Plan) -> Result | None:
    """What was answered about the same content under that plan, as a version or as a candidate."""
    keys = (picture.tenant_id, picture.sha256, plan.prompt.id, plan.choice)
    return analyses.find_result(connection, *keys) or candidates.find_result(connection, *keys)


def _counting(event: Event[ImageProcessed], outcome: Outcome) -> Complete:
    return lambda work: budgets.count(work.connection, event, outcome)


def _most_usd(plan: Plan) -> float:
    most = most_usd(plan.choice, plan.prompt)
    if most is None:
        raise PermanentError("no-price", f"no price is known of {plan.choice.model}, so no budget holds")
    return most
