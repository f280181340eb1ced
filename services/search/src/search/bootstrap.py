"""The service's real dependencies."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from chassis.aws import Aws
from chassis.database import Connection
from chassis.deviations import Deviation
from chassis.model_names import listed
from chassis.projections import Projections
from chassis.service import Service
from retrieval import EmbedderConfig, QueryEmbedder, sampling
from retrieval.reranking import Reranking, voyage_reranking
from search.projections import PROJECTIONS
from search.searching import Searcher
from search.settings import SearchSettings

if TYPE_CHECKING:
    from search.agent import SearchAgent
    from search.answering import Answerer


class SearchService(Service[SearchSettings]):
    """The dependencies of the entry points.

    Clients with a key are recreated when the key changes, which `mesh secrets push` may do at any time.
    """

    @property
    def projections(self) -> Projections:
        """See `search.projections`."""
        return PROJECTIONS

    def runs(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """`{"documents": descriptions, "queries": texts, "depth": number}`: see `search.quality`."""
        match request:
            case {"documents": list(documents), "queries": list(queries), "depth": int(depth)}:
                from search import quality

                with self.database.transaction() as connection:
                    schema, ranking = self.settings.database_schema, self.settings.ranking
                    found = quality.rankings(connection, schema, ranking, documents, queries, depth=depth)
                return {"rankings": found}
        return super().runs(request)

    @property
    def derived_tables(self) -> Sequence[str]:
        """Those of the read model."""
        return ("postings", "tenant_stats")

    def deviations(self, connection: Connection, tenant_id: str) -> Sequence[Deviation]:
        """Of the read model."""
        from retrieval import deviations

        return deviations.deviations(connection, tenant_id)

    def recount(self, connection: Connection, tenant_id: str) -> None:
        """Of the read model."""
        from retrieval import deviations

        deviations.recount(connection, tenant_id)

    def questions(
        self, connection: Connection, number: int, tenants: Sequence[str]
    ) -> Sequence[Callable[[Connection], object]]:
        """Searches of the read model."""
        return sampling.questions(connection, number, tenants)

    @cached_property
    def searcher(self) -> Searcher:
        """Retrieval over the service's own read model."""
        settings = self.settings
        return Searcher(
            self.database.transaction,
            lambda: self.embedder,
            settings.ranking,
            settings.thresholds,
            lambda: self.reranking,
        )

    @property
    def reranking(self) -> Reranking | None:
        """Of hybrid searches, with the current key; None where no reranker is set."""
        return self._reranking(self.secrets.get("voyage-api-key")) if self.settings.reranker else None

    @property
    def answer_models(self) -> frozenset[str]:
        """The models that a caller may ask to answer."""
        return listed(self.settings.answer_models, self.settings.answer_model)

    @property
    def embedder(self) -> QueryEmbedder:
        """Embeds queries, with the current key."""
        return self._embedder(self.secrets.get("voyage-api-key"))

    @property
    def answerer(self) -> "Answerer":
        """Answers from results, with the current key."""
        return self._answerer(self.secrets.get("anthropic-api-key"))

    @property
    def agent(self) -> "SearchAgent":
        """The agent, with the current key."""
        return self._agent(self.secrets.get("anthropic-api-key"))

    @cached_property
    def _embedder(self) -> Callable[[str], QueryEmbedder]:
        settings = self.settings

        def embedder(key: str) -> QueryEmbedder:
            return QueryEmbedder(
                EmbedderConfig(api_key=key, base_url=settings.voyage_base_url, model=settings.embedding_model)
            )

        return lru_cache(maxsize=1)(embedder)

    @cached_property
    def _reranking(self) -> Callable[[str], Reranking | None]:
        settings = self.settings

        def reranking(key: str) -> Reranking | None:
            return voyage_reranking(settings, api_key=key, base_url=settings.voyage_base_url)

        return lru_cache(maxsize=1)(reranking)

    @cached_property
    def _answerer(self) -> "Callable[[str], Answerer]":
        settings = self.settings

        def answerer(key: str) -> "Answerer":
            # The SDK is imported for the first answer.
            from search.answering import Answerer

            return Answerer(key, settings.answer_model, timeout_s=settings.answer_timeout_s)

        return lru_cache(maxsize=1)(answerer)

    @cached_property
    def _agent(self) -> "Callable[[str], SearchAgent]":
        settings = self.settings

        def agent(key: str) -> "SearchAgent":
            # LangChain is imported for the first agentic search.
            from search.agent import SearchAgent

            return SearchAgent(
                self.searcher,
                api_key=key,
                model=settings.agent_model,
                max_rounds=settings.agent_max_rounds,
                timeout_s=settings.agent_timeout_s,
            )

        return lru_cache(maxsize=1)(agent)


def bootstrap(settings: SearchSettings | None = None, aws: Aws | None = None) -> SearchService:
    """The service; without arguments, configured from the environment."""
    return SearchService(settings or SearchSettings(), aws or Aws())
