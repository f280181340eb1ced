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
