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

    @property
    def answerer(self) -> "Answerer":
        """Answers from results, with the key of this moment."""
        return _answerer(self.settings, secret(self.settings, "anthropic-api-key"))

    @property
    def agent(self) -> "SearchAgent":
        """The agent, with the key of this moment."""
        return _agent(self.searcher, self.settings, secret(self.settings, "anthropic-api-key"))

    @property
    def _embedder(self) -> QueryEmbedder:
        return _embedder(self.settings, secret(self.settings, "voyage-api-key"))


# Made anew only when a key changes, as `mesh secrets push` may do at any time.
@cache
def _answerer(settings: SearchSettings, key: str) -> "Answerer":
    """The SDK is imported here, when the first answer is wanted."""
    from search.answering import Answerer

    return Answerer(key, settings.answer_model, timeout_s=settings.answer_timeout_s)


@cache
def _agent(searcher: Searcher, settings: SearchSettings, key: str) -> "SearchAgent":
    """LangChain is imported here, when the first agentic search comes."""
    from search.agent import SearchAgent

    return SearchAgent(
        searcher,
        api_key=key,
        model=settings.agent_model,
        max_rounds=settings.agent_max_rounds,
        timeout_s=settings.agent_timeout_s,
    )


@cache
def _embedder(settings: SearchSettings, key: str) -> QueryEmbedder:
    return QueryEmbedder(EmbedderConfig(api_key=key, base_url=settings.voyage_base_url, model=settings.embedding_model))


@cache
def production() -> Bootstrap:
    """The service as the environment describes it."""
    return Bootstrap(SearchSettings())
