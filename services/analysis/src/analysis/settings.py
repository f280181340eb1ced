"""What can be set."""

from typing import Literal

from analysis.models import Provider
from chassis.settings import Settings

__all__ = ["AnalysisSettings", "Effort"]

Effort = Literal["", "low", "medium", "high", "xhigh", "max"]


class AnalysisSettings(Settings):
    """The chassis' settings and this service's own."""

    service: str = "analysis"
    #: Which provider describes, and which may stand in for it ("" for none).
    analysis_provider: Provider = "anthropic"
    analysis_fallback: Provider | Literal[""] = "openai"
    #: The model of each provider.
    anthropic_model: str = "claude-sonnet-5-5"
    openai_model: str = "gpt-5.5"
    #: Models of each that a caller may ask for beside the configured one, separated by commas.
    anthropic_models: str = (
        "claude-fable-5-2,claude-fable-5-1,claude-fable-5,claude-opus-5-5,claude-opus-5,claude-opus-4-8,claude-opus-4-7,"
        "claude-opus-4-6,claude-opus-4-5,claude-opus-4-5-20251101,claude-sonnet-5-5,claude-sonnet-5,claude-sonnet-4-6,"
        "claude-sonnet-4-5,claude-sonnet-4-5-20250929,claude-haiku-5-5,claude-haiku-4-5,claude-haiku-4-5-20251001"
    )
    openai_models: str = (
        "gpt-5.5,gpt-5.5-2026-04-23,gpt-5,gpt-5-2025-08-07,gpt-5-mini,gpt-5-mini-2025-08-07,gpt-5-nano,"
        "gpt-5-nano-2025-08-07,gpt-4o,gpt-4o-2024-11-20,gpt-4o-2024-08-06,gpt-4o-mini,gpt-4o-mini-2024-07-18"
    )
    #: The prompt: an id, or a name, of which the newest is used.
    analysis_prompt: str = "collections-app-initial"
    #: How much a Claude model thinks before it describes ("": its own default); for models that take the setting.
    anthropic_effort: Effort = "low"
    #: Deliveries of an event that wait for the first provider before the other may answer.
    fallback_patience: int = 2
    #: Seconds for one call of a model.
    provider_timeout_s: float = 45
    #: Seconds for all calls of one event or request.
    analysis_budget_s: float = 110
    #: Seconds that a request waits for a picture that may still be on its way through imaging.
    picture_wait_s: float = 8
    #: URL of LangSmith's API; None: the SDK's own default.
    langsmith_endpoint: str | None = None
