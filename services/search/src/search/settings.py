"""The settings of search."""

from pydantic import Field

from chassis.settings import Settings
from retrieval.settings import ConfidenceSettings, RankingSettings, RerankerSettings


class SearchSettings(Settings, RankingSettings, RerankerSettings, ConfidenceSettings):
    """The chassis' settings, those of ranking, reranking and confidence, and search's own."""

    service: str = "search"

    #: Model of query vectors for tenants without vectors.
    embedding_model: str = "voyage-3.5-lite"
    #: Dimensions of a vector.
    embedding_dimensions: int = 1024
    #: Base URL of Voyage, ending in /v1; None is the public API.
    voyage_base_url: str | None = None

    #: Model of answers from results.
    answer_model: str = "claude-haiku-5-5"
    #: Claude models that a caller may ask for beside it, separated by commas.
    answer_models: str = (
        "claude-fable-5-2,claude-fable-5-1,claude-fable-5,claude-opus-5-5,claude-opus-5,claude-opus-4-8,claude-opus-4-7,"
        "claude-opus-4-6,claude-opus-4-5,claude-opus-4-5-20251101,claude-sonnet-5-5,claude-sonnet-5,claude-sonnet-4-6,"
        "claude-sonnet-4-5,claude-sonnet-4-5-20250929,claude-haiku-5-5,claude-haiku-4-5,claude-haiku-4-5-20251001"
    )
    #: Timeout of one call of a language model, in seconds.
    answer_timeout_s: float = 12
    #: Model of agentic searches.
    agent_model: str = "claude-sonnet-5-5"
    #: Searches that the agent may make before it must answer.
    agent_max_rounds: int = Field(default=3, ge=1, le=10)
    #: Timeout of one call of the agent's model, in seconds: rounds and a last answer end before the gateway's 29 s.
    agent_timeout_s: float = 6
