"""Retrieval for one tenant: keyword, vector or hybrid search over the service's own read model."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
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
    agent_tools,
    parse_query,
    search,
    search_and_count,
    vector_model,
)
from retrieval.confidence import Thresholds, best_is_confident, confident_only
from retrieval.explanation import Explanation, explain
from retrieval.passages import Source, sources
from retrieval.reranking import Reranking, is_reranked
from retrieval.search import MAX_TOP_K
from search.cursors import Cursor

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
    cursor: str | None = None
    """Where the page before ended, None for the first."""
    source_characters: int = 0
    """Of each hit as a source for a model; 0 makes none."""
    asked: str = ""
    """What a person asked, where a model chose the text: sources are for both."""

    @property
    def tells_more(self) -> bool:
        """Whether more is asked for than hits and their numbers."""
        return self.explain or self.source_characters > 0

    @property
    def shown_by(self) -> Order:
        """The order of results: without words there is no relevance."""
        is_listing = self.order is Order.RELEVANCE and not parse_query(self.text).has_words
        return Order.NEWEST if is_listing else self.order

    @property
    def identity(self) -> Sequence[object]:
        """What decides which results there are, and in which order: the same for all pages."""
        filters = {name: str(value) for name, value in self.filters.given().items()}
        return self.text, self.mode, filters, self.max_bm25_score, self.min_similarity, self.order


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
    next_cursor: str | None = None
    """Of the page after this one; None where this is the last."""
    sources: Sequence[Source] = ()


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
            MalformedCursorError: the cursor is not of an earlier page of this question.
            TransientError: the database is unavailable.
        """
        parsed = parse_query(question.text)
        place = Cursor()
        if question.cursor is not None:
            place = Cursor.decode(question.cursor, tenant_id, question.identity)
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
        hits, next_cursor, found = self._page(query, question, place, parsed.words)
        confident = best_is_confident(hits, self._thresholds, meaning.model)
        if question.confident_only:
            hits = confident_only(hits, self._thresholds, meaning.model)
        results = Results(hits, degraded or found.degraded, found.matches, confident, next_cursor=next_cursor)
        return self._told(query, question, results) if question.tells_more else results

    def _told(self, query: SearchQuery, question: Question, found: Results) -> Results:
        """The results with what was asked for beside them."""
        with self._connect() as connection:
            if question.explain:
                deepest = max((hit.rank for hit in found.hits), default=1)
                asked_for = replace(query, top_k=min(max(query.top_k, deepest), MAX_TOP_K))
                found = replace(found, explanations=explain(connection, asked_for, found.hits, self.ranking))
            if question.source_characters:
                asked = (question.text, question.asked)
                read = sources(connection, query.tenant_id, asked, found.hits, question.source_characters)
                found = replace(found, sources=read)
        return found

    def like(self, tenant_id: str, text: str, *, top_k: int, filters: Filters, min_similarity: float) -> list[Hit]:
        """The items nearest in meaning to a text that is no query: nothing in it is syntax.

        Raises:
            retrieval.EmbeddingError: the text cannot be embedded.
            ConfigurationError: the embedding provider is not configured.
            TransientError: the database is unavailable.
        """
        meaning = self._meaning(tenant_id, text)
        query = SearchQuery(
            tenant_id,
            mode=SearchMode.VECTOR,
            vector=meaning.vector,
            model=meaning.model,
            top_k=top_k,
            filters=filters,
            min_similarity=min_similarity,
            with_passages=False,
        )
        with self._connect() as connection:
            return search(connection, query, self.ranking)

    def list_items(self, tenant_id: str, filters: Filters, *, query: str, sort: str, page: int) -> agent_tools.Shown:
        """A page of the items that match; see `retrieval.agent_tools`. Raises TransientError, as those below."""
        with self._connect() as connection:
            return agent_tools.list_items(connection, tenant_id, filters, query=query, sort=sort, page=page)

    def count_items(self, tenant_id: str, filters: Filters, *, query: str, by: str | None) -> agent_tools.Shown:
        """How many items match."""
        with self._connect() as connection:
            return agent_tools.count_items(connection, tenant_id, filters, query=query, by=by)

    def read_item(self, tenant_id: str, *, item_id: str, page: int) -> agent_tools.Shown:
        """A page of an item's text."""
        with self._connect() as connection:
            return agent_tools.read_item(connection, tenant_id, item_id=item_id, page=page)

    def overview(self, tenant_id: str) -> str:
        """What an agent is told of the collection."""
        with self._connect() as connection:
            return agent_tools.overview(connection, tenant_id)

    def _page(
        self, query: SearchQuery, question: Question, place: Cursor, words: str
    ) -> tuple[list[Hit], str | None, Results]:
        """The hits of the page that begins there, the cursor of the next, and what they are of."""
        # What is shown in the order of time is chosen by rank: what was added meanwhile would push others out.
        before = None if query.mode is SearchMode.BM25 or not words else place.began
        began = place.began or datetime.now(UTC)
        asked = replace(query, without=place.seen, after=place.after, added_before=before, peek=True)
        found = self._best(asked, words, question.facets)
        page = [replace(hit, rank=place.shown + hit.rank) for hit in found.hits[: question.top_k]]
        following = place.next(page, question.shown_by, began) if len(found.hits) > len(page) else None
        cursor = following.encode(query.tenant_id, question.identity) if following else None
        return page, cursor, found

    def _best(self, query: SearchQuery, words: str, facets: tuple[str, ...] | None) -> Results:
        reranking = self._reranking() if is_reranked(query) else None
        asked = reranking.widened(query) if reranking else query
        with self._connect() as connection:
            if facets is None:
                hits, matches = search(connection, asked, self.ranking), None
            else:
                hits, matches = search_and_count(connection, asked, facets, self.ranking)
        if reranking is None:
            return Results(hits, matches=matches)
        # Outside of any transaction: the provider may take seconds.
        try:
            return Results(reranking.reranked(query, words, hits), matches=matches)
        except RerankerUnavailableError as error:
            logger.warning("not reranked", extra={"error": str(error)})
            metrics.add_metric("SearchesNotReranked", MetricUnit.Count, 1)
            return Results(hits[: query.wanted], Degraded.UNRANKED, matches)

    def _meaning(self, tenant_id: str, words: str) -> Meaning:
        embedder = self._embedder()
        with self._connect() as connection:
            model = vector_model(connection, tenant_id) or embedder.model
        # Outside of any transaction: the provider may take seconds.
        return Meaning(embedder.embed(tenant_id, words, model), model)
