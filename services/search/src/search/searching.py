"""Retrieval for one tenant: keyword, vector or hybrid search over the service's own read model."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from retrieval import (
    NO_FILTERS,
    Filters,
    Hit,
    QueryEmbedder,
    Ranking,
    SearchMode,
    SearchQuery,
    parse_query,
    search,
    vector_model,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for and how; thresholds as in the HTTP contract."""

    text: str
    mode: SearchMode
    top_k: int
    filters: Filters = NO_FILTERS
    max_bm25_score: float = 0.0
    min_similarity: float = 0.0


class Searcher:
    """Searches the items of one tenant at a time."""

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Connection[Any]]],
        embedder: Callable[[], QueryEmbedder],
        ranking: Ranking,
    ) -> None:
        self._connect = connect
        self._embedder = embedder
        self.ranking = ranking

    def find(self, tenant_id: str, question: Question) -> list[Hit]:
        """The best hits, best first.

        Raises:
            retrieval.EmbeddingUnavailableError: the embedding provider is unavailable.
            retrieval.EmbeddingRejectedError: the embedding model rejects the query.
            TransientError: the database is unavailable.
        """
        parsed = parse_query(question.text)
        if not parsed.asks:
            return []  # punctuation alone: nothing that a model should be paid for
        vector, model = None, None
        if question.mode is not SearchMode.BM25 and parsed.has_words:
            embedder = self._embedder()
            with self._connect() as connection:
                model = vector_model(connection, tenant_id) or embedder.model
            # Outside of any transaction: the provider may take seconds.
            vector = embedder.embed(tenant_id, parsed.words, model)
        query = SearchQuery(
            tenant_id=tenant_id,
            text=question.text,
            mode=question.mode,
            vector=vector,
            model=model,
            top_k=question.top_k,
            filters=question.filters,
            max_bm25_score=question.max_bm25_score if question.mode is SearchMode.BM25 else 0.0,
            min_similarity=question.min_similarity,
        )
        with self._connect() as connection:
            return search(connection, query, self.ranking)
