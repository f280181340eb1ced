"""The service's real dependencies."""

from functools import cached_property

from analysis.analyst import Analyst
from analysis.describe import Describer
from analysis.projections import PROJECTIONS
from analysis.prompts import PromptSource
from analysis.providers import Providers
from analysis.settings import AnalysisSettings
from analysis.tracing import LangSmith
from analysis.vision import VisionModel
from chassis.aws import Aws
from chassis.model_names import listed
from chassis.projections import Projections
from chassis.service import Service


class AnalysisService(Service[AnalysisSettings]):
    """The dependencies of the entry points. No secret is read and no SDK imported before it is used."""

    @property
    def projections(self) -> Projections:
        """See `analysis.projections`."""
        return PROJECTIONS

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
        describer = Describer(
            self.providers, PromptSource(self.langsmith.pull), self.langsmith, self.settings.provider_timeout_s
        )
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
