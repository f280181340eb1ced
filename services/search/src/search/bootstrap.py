"""Settings and wiring. Nothing here connects or reads a secret before it is used."""

from functools import cache, cached_property
from typing import TYPE_CHECKING

from pydantic import Field

from chassis.config import Settings
from chassis.secrets import secret
from chassis.service import Service
from retrieval import EmbedderConfig, QueryEmbedder, Ranking
from search.searching import Searcher

if TYPE_CHECKING:
    from search.agent import SearchAgent
    from search.answering import Answerer


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


class Bootstrap:
    """The service and what its routes need, each made when first used."""

    def __init__(self, settings: SearchSettings) -> None:
        self.settings = settings
        self.service = Service(settings)

    @cached_property
    def searcher(self) -> Searcher:
        """Retrieval over the service's own read model."""
        settings = self.settings
        ranking = Ranking(
            bm25_weight=settings.bm25_weight,
            vector_weight=settings.vector_weight,
            rrf_constant=settings.rrf_constant,
            fetch_multiplier=settings.fetch_multiplier,
        )
        return Searcher(self.service.database.transaction, lambda: self._embedder, ranking)

    @cached_property
    def answerer(self) -> "Answerer":
        """Answers from results. The SDK is imported here, when the first answer is wanted."""
        from search.answering import Answerer

        key = secret(self.settings, "anthropic-api-key")
        return Answerer(key, self.settings.answer_model, timeout_s=self.settings.answer_timeout_s)

    @cached_property
    def agent(self) -> "SearchAgent":
        """The agent. LangChain is imported here, when the first agentic search comes."""
        from search.agent import SearchAgent

        settings = self.settings
        return SearchAgent(
            self.searcher,
            api_key=secret(settings, "anthropic-api-key"),
            model=settings.agent_model,
            max_rounds=settings.agent_max_rounds,
            timeout_s=settings.agent_timeout_s,
        )

    @cached_property
    def _embedder(self) -> QueryEmbedder:
        key = secret(self.settings, "voyage-api-key")
        model = self.settings.embedding_model
        return QueryEmbedder(EmbedderConfig(api_key=key, base_url=self.settings.voyage_base_url, model=model))


@cache
def production() -> Bootstrap:
    """The service as the environment describes it."""
    return Bootstrap(SearchSettings())
