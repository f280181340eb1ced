"""Settings and wiring. Nothing here connects or reads a secret before it is used."""

from functools import cache
from typing import Literal

from analysis.analyst import Analyst
from analysis.describing import Describer
from analysis.models import Provider
from analysis.prompts import PromptSource
from analysis.providers import Providers
from analysis.tracing import LangSmith
from analysis.vision import VisionModel
from chassis.config import Settings
from chassis.secrets import optional_secret
from chassis.service import Service

Effort = Literal["", "low", "medium", "high", "xhigh", "max"]


class AnalysisSettings(Settings):
    """The chassis' settings and this service's own (environment variables of the same names in capitals)."""

    service: str = "analysis"
    #: Which provider describes, and which may stand in for it ("" for none).
    analysis_provider: Provider = "anthropic"
    analysis_fallback: Provider | Literal[""] = "openai"
    anthropic_model: str = "claude-sonnet-5-5"
    openai_model: str = "gpt-5.5"
    #: How much a Claude model thinks before it describes ("": its own default); for models that take the setting.
    anthropic_effort: Effort = "low"
    #: Deliveries of an event that wait for the first provider before the other may answer.
    fallback_patience: int = 2
    #: Seconds for one call, and for all calls of one event or request.
    provider_timeout_s: float = 45
    analysis_budget_s: float = 110
    #: Seconds that a request waits for a picture that may still be on its way through imaging.
    picture_wait_s: float = 8
    langsmith_endpoint: str | None = None


def claude(settings: AnalysisSettings, key: str) -> VisionModel:
    """Anthropic's models. `http` imports the SDK here, when the first picture is to be described."""
    from analysis.claude import ClaudeVision

    return ClaudeVision(key, effort=settings.anthropic_effort)


def gpt(key: str) -> VisionModel:
    """OpenAI's models, imported only where they are used."""
    from analysis.gpt import GptVision

    return GptVision(key)


def analyst(service: Service[AnalysisSettings]) -> Analyst:
    """The analyst on the real providers, bucket and database."""
    settings = service.settings
    langsmith = LangSmith(lambda: optional_secret(settings, "langsmith-api-key"), endpoint=settings.langsmith_endpoint)
    providers = Providers(
        factories={"anthropic": lambda key: claude(settings, key), "openai": gpt},
        keys=lambda provider: optional_secret(settings, f"{provider}-api-key"),
        models={"anthropic": settings.anthropic_model, "openai": settings.openai_model},
        first=settings.analysis_provider,
        second=settings.analysis_fallback or None,
    )
    describer = Describer(providers, PromptSource(langsmith.pull), langsmith, settings.provider_timeout_s)
    return Analyst(service.database, service.images.get, describer)


@cache
def production() -> Service[AnalysisSettings]:
    """The service as the environment describes it."""
    return Service(AnalysisSettings())
