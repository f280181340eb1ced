"""What follows from a picture and from a request: a description, or the fact that there is none.

Models are asked before the transaction, under a lease that others see; the version they answer is decided and recorded
in it. Deletion and description of one item may overlap: what is described meanwhile finds the tombstone.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from analysis.analyst import Analyst, Plan
from analysis.errors import AnalysisError, NotDescribedError, ProviderUnavailableError
from analysis.models import Provider
from analysis.repository import analyses, leases, pictures
from analysis.repository.pictures import PictureRecord
from analysis.reprocessing import Reprocessing, record_failure
from chassis.database import Connection, Database
from chassis.errors import ChassisError, PermanentError
from chassis.queue import attempt
from chassis.republishing import republish
from chassis.service import Service
from chassis.work import Complete, UnitOfWork
from contracts import Contract, Event
from contracts.analysis import AnalysisFailure, AnalysisRequested, ItemAnalyzed
from contracts.imaging import ImageProcessed
from contracts.ingest import RetryRequested, RetryStep


@dataclass(frozen=True)
class Reactions:
    """The reactions of the consumer.

    `budget_s` bounds the model calls for one event, in seconds. The first `patience` deliveries of an event wait for
    the first provider; from then on the other may answer.
    """

    database: Database
    analyst: Analyst
    budget_s: float
    patience: int
    reprocessing: Reprocessing

    def describe_processed(self, event: Event[ImageProcessed]) -> Complete | None:
        """A picture is ready: describe it, unless it is described already.

        New renditions of a described picture are no reason to pay for another description. Reprocessing is one, where
        the configured model has not described it under the current prompt: that is how better models reach old
        pictures. Where operators ordered it, it has a budget.

        Raises:
            PermanentError: imaging made no rendition for models.
            ProviderUnavailableError: a later attempt may succeed.
        """
        picture = PictureRecord.of(event)
        if picture is None:
            raise PermanentError("no-model-rendition", "imaging made no rendition for models")
        if event.budget_usd is not None:
            return self.reprocessing.describe(event, picture)
        plan = self.analyst.plan()
        with self.database.transaction() as connection:
            described = (
                analyses.is_described(connection, picture)
                if event.replay_id is None
                else _is_described_by(connection, picture, plan)
            )
            if described or not self._seize(connection, picture):
                return None
        return self._describe(event, picture, plan, force=False)

    def describe_requested(self, event: Event[AnalysisRequested]) -> Complete | None:
        """A caller requested a description and does not wait for it.

        Raises:
            PermanentError: the requested provider does not exist.
            ProviderUnavailableError: a later attempt may succeed.
        """
        force = event.data.force
        plan = self.analyst.plan(_provider(event.data.provider), event.data.model)
        with self.database.transaction() as connection:
            picture = pictures.find(connection, event.tenant_id, event.subject)
            if picture is None or (not force and _is_described_by(connection, picture, plan)):
                return None
            if not self._seize(connection, picture):
                return None
        return self._describe(event, picture, plan, force=force)

    def give_up(self, work: UnitOfWork, event: Event[Contract], error: Exception, attempts: int) -> None:
        """The last attempt failed. The inbox stays clean: a message redriven from the dead-letter queue counts."""
        if event.budget_usd is not None and self.reprocessing.give_up(work, event):
            return
        asked = event.data if isinstance(event.data, AnalysisRequested) else AnalysisRequested()
        choice = self.analyst.choose(_provider(asked.provider), asked.model)
        # Only our own errors are known to quote nothing of the picture.
        detail = str(error) if isinstance(error, AnalysisError | ChassisError) else type(error).__name__
        record_failure(work, event, choice, AnalysisFailure.GAVE_UP, detail, attempts)

    def _seize(self, connection: Connection, picture: PictureRecord) -> bool:
        """Lease the picture; False when the item is deleted."""
        # Seized: the lease may be this message's own, from a delivery that died.
        return leases.take(connection, picture.tenant_id, picture.item_id, self.budget_s, seize=True)

    def _describe(
        self,
        event: Event[Contract],
        picture: PictureRecord,
        plan: Plan,
        *,
        force: bool,
    ) -> Complete:
        try:
            result = self.analyst.describe(
                picture, plan, fresh=force, fallback=attempt() > self.patience, budget_s=self.budget_s
            )
        except ProviderUnavailableError:
            # The message waits in the queue; a caller in the meantime need not.
            with self.database.transaction() as connection:
                leases.end(connection, picture.tenant_id, picture.item_id)
            raise
        except NotDescribedError as error:
            return partial(
                record_failure,
                event=event,
                choice=plan.choice,
                reason=error.reason,
                detail=str(error),
                attempts=attempt(),
            )

        def complete(work: UnitOfWork) -> None:
            # Another event or a request may have been quicker.
            if not work.is_deleted() and (force or not _is_described_by(work.connection, picture, plan)):
                self.analyst.record(work, picture, result, event)

        return complete


def _is_described_by(connection: Connection, picture: PictureRecord, plan: Plan) -> bool:
    return analyses.is_described_by(connection, picture, plan.prompt.id, plan.choice)


def _provider(name: str | None) -> Provider | None:
    match name:
        case None | "anthropic" | "openai":
            return name
        case other:
            raise PermanentError("unknown-provider", f"no provider {other}")


def embed_again(service: Service[Any], event: Event[RetryRequested]) -> None:
    """Send embedding the newest description once more, where that is the step that is asked for."""
    if event.data.step is RetryStep.EMBEDDING:
        republish(service, event, ItemAnalyzed, "embedding")
