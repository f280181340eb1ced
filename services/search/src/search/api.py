"""The routes: parse, call, respond."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Query

from chassis.errors import ConfigurationError, TransientError
from chassis.http import Caller, CallerDep, HttpEntry, ProblemError, create_api, documented, not_found, not_yet
from chassis.model_names import require_listed
from chassis.observability import MetricUnit, logger, metrics
from retrieval import (
    EmbeddingRejectedError,
    EmbeddingUnavailableError,
    Filters,
    Fusion,
    Hit,
    ItemNotFoundError,
    Matches,
    NotEmbeddedError,
    SearchMode,
    similar,
)
from retrieval.citations import Checked, checked, trusted
from search.bootstrap import SearchService
from search.errors import AnswerError, AnswerRejectedError, AnswerUnavailableError
from search.filter_parameters import filter_parameters
from search.pictures import search_by_picture
from search.requests import (
    FacetValue,
    PictureResults,
    PictureSearch,
    SearchConfig,
    SearchRequest,
    SearchResponse,
    SearchType,
    SimilarItems,
    found_item,
)
from search.searching import Question, Results
from search.sources import CHARACTERS

# The gateway waits 30 s, including the round trip.
_GATEWAY_S = 28.0
_STATUSES = {
    AnswerUnavailableError.code: HTTPStatus.SERVICE_UNAVAILABLE,
    AnswerRejectedError.code: HTTPStatus.BAD_GATEWAY,
}
_ALGORITHMS = {
    Fusion.SCORES: "weighted mean of BM25 over its bound and cosine similarity",
    Fusion.RRF: "reciprocal rank fusion of BM25 and cosine similarity",
}


def http(service: SearchService) -> HttpEntry:
    """The entry point of the API."""
    return HttpEntry(routes(service), service.database)


def routes(service: SearchService) -> APIGatewayHttpResolver:
    """The resolver of this service's routes."""
    api = create_api()

    @api.post(
        "/search",
        tags=["search"],
        summary="Search the caller's collection",
        responses=documented(
            (HTTPStatus.BAD_REQUEST, "The cursor is not of an earlier page of this query"),
            (HTTPStatus.UNPROCESSABLE_ENTITY, "The request is malformed, or the model unknown"),
            (HTTPStatus.BAD_GATEWAY, "A model rejects the query"),
        ),
    )
    def search(body: SearchRequest, who: CallerDep) -> SearchResponse:
        """Results, and an answer made of them.

        Where no answer can be made of results, `answer_error` says why; an agentic search has none without its model,
        and is refused. Where the query cannot be embedded, `vector` is refused, and other searches find by keywords
        alone: `degraded` says so.
        """
        if body.answer_model is not None:
            require_listed(body.answer_model, service.answer_models, field="answer_model", code="unsupported-model")
        with _problems_of_providers():
            if body.search_type is SearchType.AGENTIC:
                return _agentic(service, who, body)
            return _plain(service, who, body)

    @api.post(
        "/search/picture",
        tags=["search"],
        summary="Search the caller's collection by a picture",
        responses=documented(
            (HTTPStatus.BAD_REQUEST, "It is no picture of a type that is taken"),
            (
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "The request is malformed, or the vision model does not take the picture",
            ),
            (HTTPStatus.BAD_GATEWAY, "A model rejects the request"),
        ),
    )
    def search_picture(body: PictureSearch, who: CallerDep) -> PictureResults:
        """By what it shows: a vision model says it in words, and the items nearest in meaning are found."""
        with _problems_of_providers():
            return search_by_picture(service, who.tenant_id, body, _deadline(who))

    @api.get(
        "/items/<item_id>/similar",
        tags=["search"],
        summary="Items that mean much the same",
        responses=documented(
            (HTTPStatus.NOT_FOUND, "The caller has no such item"),
            (HTTPStatus.CONFLICT, "The item is not embedded yet; try again"),
        ),
    )
    @filter_parameters
    def similar_items(
        item_id: str,
        who: CallerDep,
        filters: Filters,
        limit: Annotated[int, Query(ge=1, le=50, description="Items to find at most.")] = 10,
    ) -> SimilarItems:
        """By meaning: the nearest of the caller's other items, among those that the filters let through."""
        try:
            with service.database.transaction() as connection:
                hits = similar(connection, who.tenant_id, item_id, top_k=limit, filters=filters)
        except ItemNotFoundError as error:
            raise not_found("item", item_id) from error
        except NotEmbeddedError as error:
            raise not_yet("item", item_id) from error
        return SimilarItems(item_id=item_id, results=[found_item(hit) for hit in hits], total_results=len(hits))

    @api.get("/search/config", tags=["search"], summary="The retrieval as it runs")
    def config(who: CallerDep) -> SearchConfig:
        """Algorithm, models, weights and limits."""
        settings, ranking = service.settings, service.searcher.ranking
        return SearchConfig(
            algorithm=_ALGORITHMS[ranking.fusion],
            fusion=ranking.fusion,
            embedding_model=settings.embedding_model,
            dimensions=settings.embedding_dimensions,
            rrf_constant=ranking.rrf_constant,
            weights={"bm25": ranking.bm25_weight, "vector": ranking.vector_weight},
            fetch_multiplier=ranking.fetch_multiplier,
            candidate_window=ranking.window,
            search_types=list(SearchType),
            answer_model=settings.answer_model,
            agent_model=settings.agent_model,
        )

    return api


@contextmanager
def _problems_of_providers() -> Iterator[None]:
    """Answers what keeps a query from being embedded, or an agentic search or one by a picture from its model."""
    try:
        yield
    except EmbeddingUnavailableError as error:
        detail = "the embedding model is unavailable; try again, or search with bm25"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "embedding-unavailable", detail) from error
    except ConfigurationError as error:
        logger.error("not configured", extra={"error": str(error)})
        detail = "a provider that this search needs is not configured; search with bm25"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "provider-not-configured", detail) from error
    except EmbeddingRejectedError as error:
        detail = "the embedding model rejected this query; search with bm25"
        raise ProblemError(HTTPStatus.BAD_GATEWAY, "embedding-rejected", detail) from error
    except AnswerError as error:
        raise ProblemError(_STATUSES[error.code], error.code, str(error)) from error


def _deadline(who: Caller) -> float:
    """When the gateway stops waiting, as a time of `time.monotonic`."""
    return time.monotonic() + _GATEWAY_S - who.waited_s


def _plain(service: SearchService, who: Caller, body: SearchRequest) -> SearchResponse:
    started, deadline = time.perf_counter(), _deadline(who)
    wants_answer = body.include_answer and body.cursor is None
    question = Question(
        body.query,
        SearchMode(body.search_type.value),
        body.top_k,
        body.filters,
        body.max_bm25_score,
        body.min_similarity_score,
        body.sort,
        None if body.facets is None else tuple(body.facets),
        body.explain,
        body.confident_only,
        body.cursor,
        source_characters=CHARACTERS if wants_answer else 0,
    )
    found = service.searcher.find(who.tenant_id, question)
    hits = found.hits
    response = SearchResponse(
        query=body.query,
        search_type=body.search_type,
        results=[found_item(hit, found.explanations.get(hit.item_id)) for hit in hits],
        confident=found.confident,
        total_results=len(hits),
        next_cursor=found.next_cursor,
        total_matches=found.matches.total if found.matches else None,
        facets=_facets(found.matches),
        degraded=found.degraded,
        retrieval_time_ms=_milliseconds(started),
    )
    return _with_answer(service, body, found, response, deadline) if wants_answer else response


def _facets(matches: Matches | None) -> dict[str, list[FacetValue]] | None:
    if matches is None:
        return None
    return {
        name: [FacetValue(value=value, count=count) for value, count in counts.items()]
        for name, counts in matches.facets.items()
    }


def _with_answer(
    service: SearchService, body: SearchRequest, found: Results, response: SearchResponse, deadline: float
) -> SearchResponse:
    if not found.hits:
        nothing = {"answer": "Nothing in the collection matches.", "answer_confidence": 0.0, "citations": []}
        return response.model_copy(update={**nothing, "answer_time_ms": 0.0})
    started = time.perf_counter()
    try:
        answer = service.answerer.answer(body.query, found.sources, deadline, body.answer_model)
    except (AnswerError, ConfigurationError, TransientError) as error:
        # The results are returned without an answer, whatever keeps the model from it: its key too may be missing or
        # unreadable. `answer_error` and the log give the reason.
        logger.warning("no answer", extra={"error": str(error)})
        metrics.add_metric("AnswersUnavailable", MetricUnit.Count, 1)
        known = error if isinstance(error, AnswerError) else AnswerUnavailableError("the language model is unavailable")
        missing = {"answer_error": str(known), "answer_error_code": known.code}
        return response.model_copy(update={**missing, "answer_time_ms": _milliseconds(started)})
    given = _checked(answer.answer, found.hits, answer.citations)
    return response.model_copy(
        update={
            "answer": given.text,
            "answer_confidence": trusted(given.confidence, answer.confidence),
            "citations": list(given.citations),
            "answer_time_ms": _milliseconds(started),
        }
    )


def _checked(answer: str, hits: Iterable[Hit], cited: Iterable[str] | None = None) -> Checked:
    given = checked(answer, hits, cited)
    if given.dropped:
        logger.info("citations dropped", extra={"dropped": given.dropped, "kept": len(given.citations)})
        metrics.add_metric("CitationsDropped", MetricUnit.Count, given.dropped)
    return given


def _agentic(service: SearchService, who: Caller, body: SearchRequest) -> SearchResponse:
    started, deadline = time.perf_counter(), _deadline(who)
    question = Question(body.query, SearchMode.HYBRID, body.top_k, body.filters, 0.0, body.min_similarity_score)
    found = service.agent.run(who.tenant_id, question, deadline)
    given = _checked(found.answer, found.hits.values())
    hits = _best(found.hits, given.citations, body.top_k)
    return SearchResponse(
        query=body.query,
        search_type=body.search_type,
        results=[found_item(hit, rank=rank) for rank, hit in enumerate(hits, start=1)],
        confident=found.confident,
        total_results=len(hits),
        degraded=found.degraded,
        answer=given.text or None,
        answer_confidence=given.confidence if given.text else None,
        citations=list(given.citations),
        retrieval_time_ms=_milliseconds(started),
        agent_reasoning=found.reasoning,
        tools_used=found.tools_used,
    )


def _best(found: Mapping[str, Hit], cited: Sequence[str], most: int) -> list[Hit]:
    """So many of the hits, in their order: what is cited is among them."""
    chosen = {*cited, *[item_id for item_id in found if item_id not in cited][: max(most - len(cited), 0)]}
    return [hit for item_id, hit in found.items() if item_id in chosen][:most]


def _milliseconds(since: float) -> float:
    return round((time.perf_counter() - since) * 1000, 1)
