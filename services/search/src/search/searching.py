"""Retrieval for one tenant: keyword, vector or hybrid search over the service's own read model."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from psycopg import Connection

from chassis.errors import ConfigurationError
from chassis.observability import MetricUnit, logger, metrics
from retrieval import (
    NO_FILTERS,
    EmbeddingError,
    Filters,
    Hit,
    Matches,
    Order,
    QueryEmbedder,
    Ranking,
    RerankerUnavailableError,
    SearchMode,
    SearchQuery,
    count_matches,
    parse_query,
    search,
    vector_model,
)
from retrieval.confidence import Thresholds, best_is_confident, confident_only
from retrieval.explanation import Explanation, explain
from retrieval.reranking import Reranking, is_reranked

DEFAULT_THRESHOLDS = Thresholds()


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for and how; thresholds as in the HTTP contract."""

    text: str
    mode: SearchMode
    top_k: int
    filters: Filters = NO_FILTERS
    max_bm25_score: float = 0.0
    min_similarity: float = 0.0
    order: Order = Order.RELEVANCE
    facets: tuple[str, ...] | None = None
    """What to count matches by; None counts none."""
    explain: bool = False
    confident_only: bool = False


@dataclass(frozen=True, slots=True)
class Meaning:
    """A query's vector, and the model that made it."""

    vector: Sequence[float] | None = None
    model: str | None = None


class Degraded(StrEnum):
    """In which lesser way it was searched, because what the wanted one needs is unavailable."""

    KEYWORDS = "keywords"
    """By words alone: the query could not be embedded."""
    UNRANKED = "not-reranked"
    """In the order of the fusion: the reranker was unavailable, or took too long."""


@dataclass(frozen=True, slots=True)
class Results:
    """What a search found, best first."""

    hits: list[Hit]
    degraded: Degraded | None = None
    matches: Matches | None = None
    confident: bool | None = None
    """Whether what was asked for is among the hits; None where that cannot be told."""
    explanations: Mapping[str, Explanation] = field(default_factory=dict)


class Searcher:
    """Searches the items of one tenant at a time."""

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Connection[Any]]],
        embedder: Callable[[], QueryEmbedder],
        ranking: Ranking,
        thresholds: Thresholds = DEFAULT_THRESHOLDS,
        reranking: Callable[[], Reranking | None] = lambda: None,
    ) -> None:
        self._connect = connect
        self._embedder = embedder
        self.ranking = ranking
        self._thresholds = thresholds
        self._reranking = reranking

    def find(self, tenant_id: str, question: Question) -> Results:
        """The best hits. A hybrid search whose query cannot be embedded is one by keywords, and says so.

        Raises:
            retrieval.EmbeddingUnavailableError: of a vector search: the embedding provider is unavailable.
            retrieval.EmbeddingRejectedError: of a vector search: the embedding model rejects the query.
            ConfigurationError: of a vector search: the embedding provider is not configured.
            TransientError: the database is unavailable.
        """
        parsed = parse_query(question.text)
        if not parsed.asks:
            facets = None if question.facets is None else Matches(0, {name: {} for name in question.facets})
            return Results(
                [], matches=facets, confident=False
            )  # punctuation alone: nothing that a model should be paid for
        mode, meaning, degraded = question.mode, Meaning(), None
        if mode is not SearchMode.BM25 and parsed.has_words:
            try:
                meaning = self._meaning(tenant_id, parsed.words)
            except (EmbeddingError, ConfigurationError) as error:
                if mode is SearchMode.VECTOR:
                    raise
                logger.warning("falling back to keyword search", extra={"error": type(error).__name__})
                metrics.add_metric("SearchesWithoutMeaning", MetricUnit.Count, 1)
                mode, degraded = SearchMode.BM25, Degraded.KEYWORDS
        query = SearchQuery(
            tenant_id=tenant_id,
            text=question.text,
            mode=mode,
            vector=meaning.vector,
            model=meaning.model,
            top_k=question.top_k,
            filters=question.filters,
            max_bm25_score=question.max_bm25_score if question.mode is SearchMode.BM25 else 0.0,
            min_similarity=question.min_similarity,
            order=question.order,
        )
        hits, unranked = self._best(query, parsed.words)
        confident = best_is_confident(hits, self._thresholds, meaning.model)
        if question.confident_only:
            hits = confident_only(hits, self._thresholds, meaning.model)
        matches, explanations = None, {}
        if question.facets is not None or question.explain:
            with self._connect() as connection:
                if question.facets is not None:
                    matches = count_matches(connection, query, question.facets, self.ranking)
                if question.explain:
                    explanations = explain(connection, query, hits, self.ranking)
        degraded = degraded or unranked
        return Results(hits, degraded, matches, confident, explanations)

    def _best(self, query: SearchQuery, words: str) -> tuple[list[Hit], Degraded | None]:
        reranking = self._reranking() if is_reranked(query) else None
        with self._connect() as connection:
            hits = search(connection, reranking.widened(query) if reranking else query, self.ranking)
        if reranking is None:
            return hits, None
        # Outside of any transaction: the provider may take seconds.
        try:
            return reranking.reranked(query, words, hits), None
        except RerankerUnavailableError as error:
            logger.warning("not reranked", extra={"error": str(error)})
            metrics.add_metric("SearchesNotReranked", MetricUnit.Count, 1)
            return hits[: query.top_k], Degraded.UNRANKED

    def _meaning(self, tenant_id: str, words: str) -> Meaning:
        embedder = self._embedder()
        with self._connect() as connection:
            model = vector_model(connection, tenant_id) or embedder.model
        # Outside of any transaction: the provider may take seconds.
        return Meaning(embedder.embed(tenant_id, words, model), model)
