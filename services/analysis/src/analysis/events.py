"""What this service does about events."""

from dataclasses import dataclass

from analysis import repository
from analysis.analyst import Analyst, Cause, Plan
from analysis.errors import AnalysisError, NotDescribedError, ProviderUnavailableError
from analysis.models import Provider
from analysis.repository import PictureRecord
from chassis.consumer import attempt
from chassis.errors import ChassisError, PermanentError
from chassis.work import UnitOfWork, UnitsOfWork
from contracts import Contract, Event, new_event
from contracts.analysis import AnalysisFailed, AnalysisFailure, AnalysisRequested
from contracts.imaging import ImageProcessed
from contracts.ingest import ItemDeleted


@dataclass(frozen=True)
class EventHandlers:
    """Handlers of the consumer.

    `budget_s` bounds the model calls for one event. The first `patience` deliveries of an event wait for the first
    provider; from then on the other may answer.
    """

    work: UnitsOfWork
    analyst: Analyst
    budget_s: float
    patience: int

    def describe_processed(self, event: Event[ImageProcessed]) -> None:
        """A picture is ready: describe it, unless it is described already.

        New renditions of a described picture are no reason to pay for another description. A replay is one, where the
        configured model has not described it under the current prompt: it is how better models reach old pictures.
        """
        picture = PictureRecord.of(event)
        if picture is None:
            raise PermanentError("no-model-rendition", "imaging made no rendition for models")
        plan = self.analyst.plan()
        with self.work.on(event.tenant_id, event.subject) as work:
            deleted = work.is_deleted()
            if not deleted:
                repository.note_picture(work.connection, picture, event.time)
            described = repository.is_described(work.connection, picture)
        if deleted or (described and event.replay_id is None) or not self._begin(picture, plan, force=False):
            self._only_mark(event)
        else:
            self._describe(event, picture, plan, force=False)

    def describe_requested(self, event: Event[AnalysisRequested]) -> None:
        """Somebody asked for a description and went away."""
        asked = event.data
        plan = self.analyst.plan(_provider(asked.provider), asked.model)
        with self.work.database.transaction() as connection:
            picture = repository.find_picture(connection, event.tenant_id, event.subject)
        if picture is None or not self._begin(picture, plan, force=asked.force):
            self._only_mark(event)
        else:
            self._describe(event, picture, plan, force=asked.force)

    def forget_item(self, event: Event[ItemDeleted]) -> None:
        """The item is gone: so is everything about it here, and what is still being made finds the tombstone."""
        with self.work.applying(event) as work:
            work.bury(event)
            repository.forget(work.connection, event.tenant_id, event.subject)

    def give_up(self, event: Event[Contract], error: Exception, attempts: int) -> None:
        """The last attempt failed. The inbox stays clean: a message redriven from the dead-letter queue counts."""
        asked = event.data if isinstance(event.data, AnalysisRequested) else AnalysisRequested()
        plan = self.analyst.plan(_provider(asked.provider), asked.model)
        # Only our own errors are known to quote nothing of the picture.
        detail = str(error) if isinstance(error, AnalysisError | ChassisError) else type(error).__name__
        with self.work.on(event.tenant_id, event.subject) as work:
            _record_failure(work, event, plan, AnalysisFailure.GAVE_UP, detail, attempts)

    def _begin(self, picture: PictureRecord, plan: Plan, *, force: bool) -> bool:
        """Whether there is anything to do; if so the picture is marked as being analysed."""
        with self.work.database.transaction() as connection:
            known = repository.find_result(
                connection, picture.tenant_id, picture.sha256, plan.prompt.id, plan.choice, picture.item_id
            )
            if known is not None and not force:
                return False
            # Seized: the lease may be this message's own, from a delivery that died.
            repository.take_lease(connection, picture.tenant_id, picture.item_id, self.budget_s, seize=True)
        return True

    def _describe(self, event: Event[Contract], picture: PictureRecord, plan: Plan, *, force: bool) -> None:
        try:
            result = self.analyst.describe(
                picture, plan, fresh=force, fallback=attempt() > self.patience, budget_s=self.budget_s
            )
        except ProviderUnavailableError:
            # The message waits in the queue; a person who asks meanwhile need not.
            with self.work.database.transaction() as connection:
                repository.end_lease(connection, picture.tenant_id, picture.item_id)
            raise
        except NotDescribedError as error:
            with self.work.applying(event) as work:
                _record_failure(work, event, plan, error.reason, str(error), attempt())
            return
        with self.work.applying(event) as work:
            if work.is_deleted():
                return
            # Another event or a request may have been quicker.
            same = repository.find_result(
                work.connection, picture.tenant_id, picture.sha256, plan.prompt.id, plan.choice, picture.item_id
            )
            if same is None or force:
                self.analyst.keep(work, picture, result, Cause(event=event))

    def _only_mark(self, event: Event[Contract]) -> None:
        with self.work.applying(event):
            pass  # nothing to do, and nothing to do again


def _record_failure(
    work: UnitOfWork, event: Event[Contract], plan: Plan, reason: AnalysisFailure, detail: str, attempts: int
) -> None:
    if work.is_deleted():
        return
    repository.end_lease(work.connection, work.tenant_id, work.subject)
    fact = AnalysisFailed(
        reason=reason,
        detail=detail[:300],
        attempts=attempts,
        provider=plan.choice.provider,
        model=plan.choice.model,
    )
    work.record(new_event(fact, subject=event.subject, tenant_id=event.tenant_id, cause=event))


def _provider(name: str | None) -> Provider | None:
    match name:
        case None | "anthropic" | "openai":
            return name
        case other:
            raise PermanentError("unknown-provider", f"no provider {other}")
