"""The settings of the service, from its environment."""

from pydantic import Field

from chassis.config import Settings


class SearchSettings(Settings):
    """The chassis' settings and this service's own (environment variables of the same names in capitals)."""

    service: str = "search"
    embedding_model: str = "voyage-3.5-lite"
    embedding_dimensions: int = 1024
    voyage_base_url: str | None = None
    bm25_weight: float = Field(default=0.3, ge=0, le=1)
    vector_weight: float = Field(default=0.7, ge=0, le=1)
    rrf_constant: int = Field(default=15, ge=1)
    fetch_multiplier: int = Field(default=2, ge=1, le=20)
    answer_model: str = "claude-haiku-5-5"
    #: Seconds for one call of a language model.
    answer_timeout_s: float = 12
    agent_model: str = "claude-sonnet-5-5"
    agent_max_rounds: int = Field(default=3, ge=1, le=10)
    #: Seconds for one call of the agent's model: rounds and a last answer end before the gateway's 29 s.
    agent_timeout_s: float = 6
