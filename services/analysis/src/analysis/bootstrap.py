"""The service's real dependencies."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from analysis import runs
from analysis.analyst import Analyst
from analysis.describe import Describer, most_usd
from analysis.errors import PromptUnknownError
from analysis.models import facts
from analysis.projections import PROJECTIONS
from analysis.prompts import PromptSource
from analysis.providers import Providers
from analysis.repository import analyses
from analysis.settings import AnalysisSettings
from analysis.tracing import LangSmith
from analysis.vision import VisionModel
from chassis.aws import Aws
from chassis.model_names import listed
from chassis.projections import Projections
from chassis.service import Service
from contracts.imaging import ImageProcessed

# Tokens in and out of one description, before there is any.
_USUAL_TOKENS = (2500, 700)


class AnalysisService(Service[AnalysisSettings]):
    """The dependencies of the entry points. No secret is read and no SDK imported before it is used."""

    @property
    def projections(self) -> Projections:
        """See `analysis.projections`."""
        return PROJECTIONS

    def reprocessing(self, model: str | None, prompt: str | None = None) -> Mapping[str, Any]:
        """The price of a description by that model under that prompt, from the tokens of the latest descriptions."""
        try:
            choice, chosen = self.providers.choose(None, model), self.prompts.find(prompt or self.prompts.configured)
        except PromptUnknownError as error:
            return {"refused": str(error)}
        most = most_usd(choice, chosen)
        known = facts(choice.model)
        if most is None or known is None:
            return {"refused": f"no price is known of {choice.model}, so no budget holds"}
        with self.database.transaction() as connection:
            tokens = analyses.usual_tokens(connection) or _USUAL_TOKENS
        return {
            "types": [ImageProcessed.event_type],
            "provider": choice.provider,
            "model": choice.model,
            "prompt": chosen.id,
            "each_usd": known.cost_usd(*tokens),
            "most_usd": most,
        }

    def runs(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `analysis.runs`."""
        return runs.answer(self.database, request)

    @cached_property
    def prompts(self) -> PromptSource:
        """The configured prompt, and others by their ids."""
        return PromptSource(self.langsmith.pull, self.settings.analysis_prompt)

    @cached_property
    def langsmith(self) -> LangSmith:
        """Traces and prompts, where there is a key."""
        return LangSmith(lambda: self.secrets.find("langsmith-api-key"), endpoint=self.settings.langsmith_endpoint)

    @cached_property
    def providers(self) -> Providers:
        """The configured providers of vision models."""
        settings = self.settings
        return Providers(
            factories={"anthropic": self._claude, "openai": self._gpt},
            keys=lambda provider: self.secrets.find(f"{provider}-api-key"),
            models={"anthropic": settings.anthropic_model, "openai": settings.openai_model},
            offered={
                "anthropic": listed(settings.anthropic_models, settings.anthropic_model),
                "openai": listed(settings.openai_models, settings.openai_model),
            },
            first=settings.analysis_provider,
            second=settings.analysis_fallback or None,
        )

    @cached_property
    def analyst(self) -> Analyst:
        """Describes pictures of the images bucket and records the outcome."""
        describer = Describer(self.providers, self.prompts, self.langsmith, self.settings.provider_timeout_s)
        return Analyst(self.database, self.images.get, describer)

    def _claude(self, key: str) -> VisionModel:
        # `http` imports the SDK here, when the first picture is to be described.
        from analysis.claude import ClaudeVision

        return ClaudeVision(key, effort=self.settings.anthropic_effort)

    def _gpt(self, key: str) -> VisionModel:
        from analysis.gpt import GptVision

        return GptVision(key)


def bootstrap(settings: AnalysisSettings | None = None, aws: Aws | None = None) -> AnalysisService:
    """The service; without arguments as the environment describes it."""
    return AnalysisService(settings or AnalysisSettings(), aws or Aws())
