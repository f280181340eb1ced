"""The tool `search_collection`: hybrid search over the caller's own read model, and other reading of it."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from langchain.tools import ToolRuntime
from langchain_core.tools import BaseTool, tool
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python

from chassis.database import Connection, Database
from chassis.observability import MetricUnit, logger, metrics
from chat.turn_context import TurnContext
from retrieval import (
    DEFAULT_RANKING,
    EmbeddingError,
    Filters,
    Hit,
    QueryEmbedder,
    Ranking,
    RerankerUnavailableError,
    SearchMode,
    SearchQuery,
    parse_query,
    search,
    vector_model,
)
from retrieval.agent_tools import SOURCE_CHARACTERS, overview, result
from retrieval.confidence import Thresholds, best_is_confident
from retrieval.passages import Source, sources
from retrieval.requests import filtered_arguments
from retrieval.reranking import Reranking

#: Limit on what one search may add to the model's context and to memory, in characters.
MAX_RESULT = 24_000

DEFAULT_THRESHOLDS = Thresholds()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, best first: the hits, what the model reads of each, and whether it was asked for."""

    hits: Sequence[Hit] = ()
    sources: Sequence[Source] = ()
    confident: bool | None = False


@dataclass
class CollectionSearch:
    """Searches one tenant's items; calls of one turn may run in parallel, but share the connection one at a time."""

    database: Database
    embedder: QueryEmbedder
    ranking: Ranking = DEFAULT_RANKING
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    reranking: Reranking | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, context: TurnContext, query: str, filters: Filters) -> Found:
        """The best hits, best first, with the passages that match the query or the turn's question.

        When the embedding provider is unavailable, by keywords only; where a reranker is, in the order of its scores.

        Raises:
            TransientError: the database is unavailable.
        """
        parsed = parse_query(query)
        if not parsed.asks:
            return Found()  # punctuation alone: nothing that a model should be paid for
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
        if reranking is not None:
            hits = _reranked(reranking, wanted, parsed.words, hits)
        questions = (query, context.question)
        read = self.read(lambda conn: sources(conn, context.tenant_id, questions, hits, SOURCE_CHARACTERS))
        return Found(hits, read, best_is_confident(hits, self.thresholds, wanted.model))

    def read(self, work: Callable[[Connection], T]) -> T:
        """The outcome of the work, on a connection of its own.

        Raises:
            TransientError: the database is unavailable.
        """
        with self._lock, self.database.transaction() as connection:
            return work(connection)

    def overview(self, context: TurnContext) -> str:
        """What the model is told of the collection before it searches."""
        return self.read(lambda connection: overview(connection, context.tenant_id))

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


def _reranked(reranking: Reranking, wanted: SearchQuery, words: str, hits: list[Hit]) -> list[Hit]:
    try:
        return reranking.reranked(wanted, words, hits)
    except RerankerUnavailableError as error:
        logger.warning("not reranked", extra={"error": str(error)})
        metrics.add_metric("SearchesNotReranked", MetricUnit.Count, 1)
        return hits[: wanted.top_k]


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
        context.told.append(found.confident)
        arguments = {"query": query, **to_jsonable_python(chosen.given())}
        context.note_use("search_collection", arguments, results=len(shown))
        return document

    return search_collection


def _shown(found: Found) -> tuple[Sequence[Hit], str]:
    """The hits that fit, and the document that describes them."""
    entries: list[dict[str, Any]] = []
    size = 0
    for hit, source in zip(found.hits, found.sources, strict=True):
        entry = result(hit, source)
        size += len(json.dumps(entry, ensure_ascii=False))
        if entries and size > MAX_RESULT:
            break
        entries.append(entry)
    return found.hits[: len(entries)], json.dumps({"results": entries}, ensure_ascii=False)
