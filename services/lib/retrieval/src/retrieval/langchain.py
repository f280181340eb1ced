"""The searches as LangChain retrievers. Only this module imports langchain_core."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any, ClassVar

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from psycopg import Connection
from pydantic import ConfigDict

from retrieval.embeddings import QueryEmbedder
from retrieval.filters import NO_FILTERS, Filters
from retrieval.query import DEFAULT_RANKING, Hit, Ranking, SearchMode, SearchQuery
from retrieval.query_language import parse_query
from retrieval.search import search

ConnectionSource = Callable[[], AbstractContextManager[Connection[Any]]]
"""Provides a connection whose search_path is the read model's schema, for one search."""


class CollectionRetriever(BaseRetriever):
    """Base of the three retrievers; one instance searches one tenant's collection."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    mode: ClassVar[SearchMode]

    connect: ConnectionSource
    tenant_id: str
    top_k: int = 10
    filters: Filters = NO_FILTERS
    ranking: Ranking = DEFAULT_RANKING

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        question = self._question(query)
        with self.connect() as conn:
            hits = search(conn, question, self.ranking)
        return [as_document(hit) for hit in hits]

    def _question(self, text: str) -> SearchQuery:
        raise NotImplementedError


class BM25Retriever(CollectionRetriever):
    """Keyword search."""

    mode = SearchMode.BM25
    max_bm25_score: float = 0.0

    def _question(self, text: str) -> SearchQuery:
        return SearchQuery(
            self.tenant_id,
            text,
            self.mode,
            top_k=self.top_k,
            filters=self.filters,
            max_bm25_score=self.max_bm25_score,
        )


class VectorRetriever(CollectionRetriever):
    """Vector search. The query is embedded before a connection is taken, so none is held meanwhile."""

    mode = SearchMode.VECTOR
    embedder: QueryEmbedder
    min_similarity: float = 0.0

    def _question(self, text: str) -> SearchQuery:
        parsed = parse_query(text)
        # Where it narrows without words, nothing is compared.
        words = parsed.words if parsed.has_words or not parsed.narrows else ""
        return SearchQuery(
            self.tenant_id,
            text,
            self.mode,
            vector=self.embedder.embed(self.tenant_id, words) if words else None,
            model=self.embedder.model,
            top_k=self.top_k,
            filters=self.filters,
            min_similarity=self.min_similarity,
        )


class HybridRetriever(VectorRetriever):
    """Hybrid search, fused by weighted reciprocal ranks."""

    mode = SearchMode.HYBRID
    max_bm25_score: float = 0.0

    def _question(self, text: str) -> SearchQuery:
        return replace(super()._question(text), max_bm25_score=self.max_bm25_score)


def as_document(hit: Hit) -> Document:
    """The hit's searchable text, with all other fields as metadata; the document's id is the item's."""
    known = asdict(hit)
    body = known.pop("body")
    return Document(page_content=body, metadata=known, id=hit.item_id)
