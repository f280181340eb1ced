"""From a known picture to a recorded version of its description; the events and the routes both end here."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from analysis.describe import Describer, Result
from analysis.errors import RenditionMissingError
from analysis.models import Provider
from analysis.prompts import Prompt
from analysis.providers import Choice
from analysis.repository import analyses, leases
from analysis.repository.analyses import AnalysisRecord
from analysis.repository.pictures import PictureRecord
from analysis.vision import Picture
from chassis.database import Database
from chassis.errors import ObjectMissingError
from chassis.observability import MetricUnit, metrics
from chassis.work import UnitOfWork
from contracts import Cause, new_event
from contracts.analysis import ItemAnalyzed


@dataclass(frozen=True, slots=True)
class Plan:
    """By which model and under which prompt a picture is to be described."""

    choice: Choice
    prompt: Prompt


@dataclass(frozen=True)
class Analyst:
    """Describes pictures and records the outcome. `load` reads an object of the images bucket."""

    database: Database
    load: Callable[[str], bytes]
    describer: Describer

    def plan(self, provider: Provider | None = None, model: str | None = None, prompt: str | None = None) -> Plan:
        """The plan for a provider, model or prompt that was asked for; else the configured one.

        Raises:
            PromptUnknownError: there is no such prompt.
        """
        prompts = self.describer.prompts
        return Plan(self.choose(provider, model), prompts.current() if prompt is None else prompts.find(prompt))

    def choose(self, provider: Provider | None = None, model: str | None = None) -> Choice:
        """The model of that plan. Makes no call."""
        return self.describer.providers.choose(provider, model)

    def describe(self, picture: PictureRecord, plan: Plan, *, fresh: bool, fallback: bool, budget_s: float) -> Result:
        """A description by the plan: one that the tenant has paid for already, unless it is to be `fresh`.

        Takes up to `budget_s` seconds. Raises like `Describer.describe`, and RenditionMissingError.
        """
        deadline = time.monotonic() + budget_s
        if not fresh:
            with self.database.transaction() as connection:
                known = analyses.find_result(connection, picture.tenant_id, picture.sha256, plan.prompt.id, plan.choice)
            if known is not None:
                metrics.add_metric("DescriptionsReused", MetricUnit.Count, 1)
                return replace(known, input_tokens=0, output_tokens=0, cost_usd=0.0)
        return self.describer.describe(
            lambda: self._picture(picture), plan.choice, plan.prompt, deadline=deadline, fallback=fallback
        )

    def record(
        self,
        work: UnitOfWork,
        picture: PictureRecord,
        result: Result,
        cause: Cause,
        *,
        run: str | None = None,
        restored: AnalysisRecord | None = None,
    ) -> AnalysisRecord:
        """Record the item's next version, in the caller's unit of work, which holds the item's lock.

        `run` is the run that it belongs to, `restored` the earlier version that it repeats, where it does.
        """
        analyzed = ItemAnalyzed(
            analysis_id=str(uuid.uuid4()),
            version=analyses.latest_version(work.connection, picture.tenant_id, picture.item_id) + 1,
            filename=picture.filename,
            original_filename=picture.original_filename,
            description=result.description,
            provider=result.provider,
            model=result.model,
            prompt_id=result.prompt_id,
            trace_id=result.trace_id,
            input_tokens=result.input_tokens,
            output_tokens=result.output_tokens,
            cost_usd=result.cost_usd,
            sha256=restored.sha256 if restored else picture.sha256,
            run=run,
            restores=restored.version if restored else None,
        )
        event = new_event(analyzed, subject=picture.item_id, tenant_id=picture.tenant_id, cause=cause)
        work.record(event)
        leases.end(work.connection, picture.tenant_id, picture.item_id)
        return AnalysisRecord.of(event)

    def _picture(self, picture: PictureRecord) -> Picture:
        try:
            return Picture(self.load(picture.rendition_key), picture.media_type)
        except ObjectMissingError as error:
            raise RenditionMissingError("the rendition for the model is not in the bucket") from error
