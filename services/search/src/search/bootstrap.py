"""The wiring. Nothing here connects or reads a secret before it is used."""

from functools import cache, cached_property
from typing import TYPE_CHECKING

from chassis.secrets import secret
from chassis.service import Service
from retrieval import EmbedderConfig, QueryEmbedder, Ranking
from search.searching import Searcher
from search.settings import SearchSettings

if TYPE_CHECKING:
    from search.agent import SearchAgent
    from search.answering import Answerer


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
