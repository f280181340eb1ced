"""What operators order for all pictures: descriptions by another model or prompt, within a budget.

The most that a call can cost is reserved in the replay's budget before it, by all workers together; what it did cost is
counted in the transaction of its result.
"""

from dataclasses import dataclass, replace
from functools import partial

from analysis.analyst import Analyst, Plan
from analysis.describe import Result, most_usd
from analysis.errors import NotDescribedError
from analysis.providers import Choice
from analysis.repository import analyses, leases
from analysis.repository.pictures import PictureRecord
from chassis import budgets
from chassis.budgets import Outcome, Reservation
from chassis.errors import PermanentError, TransientError
from chassis.observability import logger
from chassis.queue import attempt
from chassis.work import Complete, UnitOfWork, UnitsOfWork
from contracts import Contract, Event, new_event
from contracts.analysis import AnalysisFailed, AnalysisFailure, BudgetSpent
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
            PermanentError: the model has no known price, or the prompt that was ordered is not the current one.
            TransientError: a later attempt may succeed.
        """
        plan = self._plan(event)
        with self.work.database.transaction() as connection:
            known = None
            if not event.is_forced:
                keys = (plan.prompt.id, plan.choice)
                if analyses.is_described_by(connection, picture, *keys):
                    return _counting(event, Outcome.REUSED)
                known = analyses.find_result(connection, picture.tenant_id, picture.sha256, *keys)
            if not leases.take(connection, picture.tenant_id, picture.item_id, self.budget_s, seize=True):
                return None  # deleted
        if known is not None:
            free = replace(known, input_tokens=0, output_tokens=0, cost_usd=0.0)
            return partial(self._complete, event=event, picture=picture, result=free)
        reservation = budgets.reserve(self.work.database, event, _most_usd(plan))
        if reservation is None:
            self._stop(event)
            return _counting(event, Outcome.LEFT_OVER)
        return self._ask(event, picture, plan, reservation)

    def give_up(self, work: UnitOfWork, event: Event[Contract]) -> bool:
        """The last attempt failed; True where the item has a description, and keeps it."""
        budgets.count(work.connection, event, Outcome.FAILED)
        leases.end(work.connection, work.tenant_id, work.subject)
        return analyses.find_latest(work.connection, work.tenant_id, work.subject) is not None

    def _plan(self, event: Event[ImageProcessed]) -> Plan:
        plan = self.analyst.plan(model=event.replay_model)
        if event.replay_prompt not in {None, plan.prompt.id}:
            raise PermanentError("not-the-prompt", f"{event.replay_prompt} is not the current prompt, {plan.prompt.id}")
        # Nobody stands in for the model that was ordered.
        return replace(plan, choice=replace(plan.choice, asked=True))

    def _ask(
        self, event: Event[ImageProcessed], picture: PictureRecord, plan: Plan, reservation: Reservation
    ) -> Complete:
        try:
            result = self.analyst.describe(picture, plan, fresh=True, fallback=False, budget_s=self.budget_s)
        except TransientError as error:
            # Whatever is no error of a provider happened before it was asked.
            with self.work.database.transaction() as connection:
                budgets.settle(connection, reservation, 0 if getattr(error, "unpaid", True) else None)
                leases.end(connection, picture.tenant_id, picture.item_id)
            raise
        except NotDescribedError as error:
            return partial(self._fail, event=event, choice=plan.choice, error=error, reservation=reservation)
        return partial(self._complete, event=event, picture=picture, result=result, reservation=reservation)

    def _complete(
        self,
        work: UnitOfWork,
        event: Event[ImageProcessed],
        picture: PictureRecord,
        result: Result,
        reservation: Reservation | None = None,
    ) -> None:
        if reservation is not None:
            budgets.settle(work.connection, reservation, result.cost_usd)
        budgets.count(work.connection, event, Outcome.MADE if reservation else Outcome.REUSED)
        if not work.is_deleted():
            self.analyst.record(work, picture, result, event)

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


def _counting(event: Event[ImageProcessed], outcome: Outcome) -> Complete:
    return lambda work: budgets.count(work.connection, event, outcome)


def _most_usd(plan: Plan) -> float:
    most = most_usd(plan.choice, plan.prompt)
    if most is None:
        raise PermanentError("no-price", f"no price is known of {plan.choice.model}, so no budget holds")
    return most
