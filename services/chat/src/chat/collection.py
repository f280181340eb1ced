"""The tool `search_collection`: hybrid search over the caller's own read model."""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.tools import BaseTool, tool
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python

from chassis.database import Database
from chassis.observability import MetricUnit, logger, metrics
from chat.turn_context import TurnContext
from retrieval import (
    DEFAULT_RANKING,
    EmbeddingError,
    Filters,
    Hit,
    Matches,
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
from retrieval.requests import filtered_arguments
from retrieval.reranking import Reranking
from retrieval.results import texts

#: Limits on what one search may add to the model's context and to memory, in characters.
MAX_RESULT = 24_000
_MAX_TEXT = 400


@dataclass
class CollectionSearch:
    """Searches one tenant's items; calls of one turn may run in parallel, but share the connection one at a time."""

    database: Database
    embedder: QueryEmbedder
    ranking: Ranking = DEFAULT_RANKING
    reranking: Reranking | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, context: TurnContext, query: str, filters: Filters) -> list[Hit]:
        """The best hits, best first; when the embedding provider is unavailable, by keywords only, and where a reranker
        is, in the order of their scores.

        Raises:
            TransientError: the database is unavailable.
        """
        parsed = parse_query(query)
        if not parsed.asks:
            return []  # punctuation alone: nothing that a model should be paid for
        wanted = SearchQuery(
            context.tenant_id,
            query,
            top_k=context.top_k,
            # The caller's filters take precedence over the model's.
            filters=context.filters.before(filters),
            min_similarity=context.min_similarity,
            **(self._meaning(context.tenant_id, parsed.words) if parsed.has_words else {}),
        )
        reranking = self.reranking
        with self._lock, self.database.transaction() as connection:
            hits = search(connection, reranking.widened(wanted) if reranking else wanted, self.ranking)
        if reranking is None:
            return hits
        try:
            return reranking.reranked(wanted, parsed.words, hits)
        except RerankerUnavailableError as error:
            logger.warning("not reranked", extra={"error": str(error)})
            metrics.add_metric("SearchesNotReranked", MetricUnit.Count, 1)
            return hits[: wanted.top_k]

    def count(self, context: TurnContext, query: str, filters: Filters, by: str | None) -> Matches:
        """How many items have one of the words and match the filters; those of an empty query match the filters alone.

        Raises:
            TransientError: the database is unavailable.
        """
        wanted = SearchQuery(context.tenant_id, query, SearchMode.BM25, filters=context.filters.before(filters))
        with self._lock, self.database.transaction() as connection:
            return count_matches(connection, wanted, [by] if by else [], self.ranking)

    def _meaning(self, tenant_id: str, query: str) -> dict[str, Any]:
        with self._lock, self.database.transaction() as connection:
            model = vector_model(connection, tenant_id) or self.embedder.model
        try:
            vector = self.embedder.embed(tenant_id, query, model)
        except EmbeddingError as error:
            logger.warning("falling back to keyword search", extra={"error": type(error).__name__})
            metrics.add_metric("SearchesWithoutMeaning", MetricUnit.Count, 1)
            return {"mode": SearchMode.BM25}
        return {"mode": SearchMode.HYBRID, "vector": vector, "model": model}


@filtered_arguments
class _Arguments(BaseModel):
    """What the model chooses of a search."""

    query: str = Field(description="Words, places, names or a description of what to look for.")


def collection_tool(collection: CollectionSearch) -> BaseTool:
    """The tool as the model sees it: a query and optional filters; the tenant comes from the context."""

    @tool(args_schema=_Arguments)
    def search_collection(query: str, runtime: ToolRuntime[TurnContext, Any], **filters: object) -> str:
        """Search the person's own collection of screenshots and photos, by words and by meaning."""
        context = runtime.context
        chosen = Filters.of(filters)
        found = collection.find(context, query, chosen)
        shown, document = _shown(found)
        context.hits += shown
        arguments = {"query": query, **to_jsonable_python(chosen.given())}
        context.note_use("search_collection", arguments, results=len(shown))
        return document

    return search_collection


def _shown(hits: list[Hit]) -> tuple[list[Hit], str]:
    """The hits that fit, and the document that describes them."""
    entries: list[dict[str, Any]] = []
    size = 0
    for hit in hits:
        entry = _entry(hit)
        size += len(json.dumps(entry, ensure_ascii=False))
        if entries and size > MAX_RESULT:
            break
        entries.append(entry)
    return hits[: len(entries)], json.dumps({"results": entries}, ensure_ascii=False)


def _entry(hit: Hit) -> dict[str, Any]:
    return {
        "item_id": hit.item_id,
        "headline": hit.headline[:_MAX_TEXT],
        "summary": hit.summary[: 2 * _MAX_TEXT],
        "category": hit.category,
        "places": _clipped(texts(hit.description, "media_metadata", "location_tags")),
        "text": _clipped(texts(hit.description, "image_details", "extracted_text")),
        "score": round(hit.score, 4),
    }


def _clipped(lines: list[str]) -> list[str]:
    kept: list[str] = []
    budget = _MAX_TEXT
    for line in lines:
        if budget <= 0:
            break
        kept.append(line[:budget])
        budget -= len(line)
    return kept
