"""Every entry point of search in memory: which search a request becomes, its answers and problems, and the events."""

import base64
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from anthropic.types.model import Model as AnthropicModel
from psycopg import Connection

import search.api
import search.schedule
from chassis.errors import TransientError
from chassis.http import HttpEntry
from chassis.queue import EventConsumer
from contracts import Contract, Event, replayed
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded
from contracts.imaging import Exif, ImageProcessed
from contracts.ingest import ItemDeleted
from retrieval import (
    DEFAULT_RANKING,
    NO_FILTERS,
    AnalyzedItem,
    EmbedderConfig,
    EmbeddingRateLimitedError,
    EmbeddingRejectedError,
    Filters,
    Fusion,
    Hit,
    InvalidVectorError,
    ItemNotFoundError,
    Matches,
    NotEmbeddedError,
    Order,
    Outcome,
    PassageVector,
    Picture,
    QueryEmbedder,
    Ranking,
    RerankerUnavailableError,
    ScoreType,
    SearchMode,
    SearchQuery,
)
from retrieval import projections as read_model
from retrieval.confidence import Thresholds
from retrieval.explanation import Explanation, Highlight
from retrieval.passages import Source
from retrieval.reranking import Reranking
from search import searching
from search.agent import Found, SearchAgent
from search.answering import Answer as GivenAnswer
from search.answering import Answerer
from search.bootstrap import SearchService, bootstrap
from search.errors import AnswerError, AnswerRejectedError, AnswerUnavailableError, PictureRejectedError
from search.handler import ENTRY_POINTS
from search.requests import found_item
from search.searching import Degraded, Question
from search.settings import SearchSettings
from testkit import Answer, Fakes, LogLines, Measured, call, deliver, envelope, read
from testkit.fakes import SETTINGS, example
from testkit.forgetting import assert_forgets
from testkit.invoking import CONTEXT, http_event

ALICE, BOB, ITEM = "alice", "bob", "item-1"
VECTOR = (0.6, 0.8)


def hit(item: str, rank: int = 1) -> Hit:
    return Hit(
        item_id=item,
        rank=rank,
        score=0.5,
        score_type=ScoreType.HYBRID,
        bm25=-2.5,
        similarity=0.9,
        category="Food",
        headline="Ramen",
        summary="A bowl.",
        filename=f"{item}.png",
        original_filename="IMG.png",
        analysis_id="analysis-1",
        analysis_version=1,
        description={},
        body="Ramen in Kyoto",
    )


@dataclass
class Retrieval:
    """Of `search.searching`: the searches in the read model, and the model of the tenant's vectors."""

    hits: list[Hit] = field(default_factory=lambda: [hit("one"), hit("two", 2)])
    model: str | None = None
    asked: list[tuple[SearchQuery, Ranking]] = field(default_factory=list)
    counted: list[tuple[SearchQuery, tuple[str, ...]]] = field(default_factory=list)
    read: list[tuple[str, tuple[str, ...], int]] = field(default_factory=list)

    def search(self, conn: Connection[Any], query: SearchQuery, ranking: Ranking = DEFAULT_RANKING) -> list[Hit]:
        self.asked.append((query, ranking))
        return self.hits

    def search_and_count(
        self, conn: Connection[Any], query: SearchQuery, facets: Iterable[str], ranking: Ranking = DEFAULT_RANKING
    ) -> tuple[list[Hit], Matches]:
        self.counted.append((query, tuple(facets)))
        matches = Matches(7, {name: {"food": 4, "receipt": 3} for name in facets})
        return self.search(conn, query, ranking), matches

    def explain(
        self, conn: Connection[Any], query: SearchQuery, hits: Sequence[Hit], ranking: Ranking = DEFAULT_RANKING
    ) -> dict[str, Explanation]:
        highlight = Highlight("headline", (("Ramen", True), (" soup", False)))
        return {hits[0].item_id: Explanation(1, None, 0.25, 0.0, ("Ramen",), ("headline",), (highlight,))}

    def sources(
        self, conn: Connection[Any], tenant_id: str, questions: Sequence[str], hits: Sequence[Hit], characters: int
    ) -> list[Source]:
        self.read.append((tenant_id, tuple(questions), characters))
        return [Source(hit.item_id, (hit.body,)) for hit in hits]

    def vector_model(self, conn: Connection[Any], tenant_id: str) -> str | None:
        return self.model


class Embedder(QueryEmbedder):
    """Embeds queries. `fault` is raised instead."""

    def __init__(self, fakes: Fakes) -> None:
        self.fakes = fakes
        self.asked: list[tuple[str, str, str | None]] = []
        self.fault: Exception | None = None

    @property
    def model(self) -> str:
        return "voyage-3.5-lite"

    def embed(self, tenant_id: str, text: str, model: str | None = None) -> tuple[float, ...]:
        assert not self.fakes.database.is_open, "a transaction waits for the provider"
        self.asked.append((tenant_id, text, model))
        if self.fault is not None:
            raise self.fault
        return VECTOR


class Answering(Answerer):
    """The model that answers from results. `outcome` is its answer, or is raised."""

    def __init__(self, fakes: Fakes) -> None:
        self.fakes = fakes
        self.outcome: GivenAnswer | Exception = GivenAnswer(answer="In Kyoto.", confidence=0.75, citations=["one"])
        self.asked: list[tuple[str, Sequence[Source], float, str | None]] = []
        self.sight: str | Exception = 'category:food "soup"'
        self.shown: list[tuple[bytes, str]] = []

    def describe(self, picture: bytes, media_type: str, deadline: float) -> str:
        assert not self.fakes.database.is_open, "a transaction waits for the model"
        assert time.monotonic() + 27 < deadline <= time.monotonic() + 28
        self.shown.append((picture, media_type))
        if isinstance(self.sight, Exception):
            raise self.sight
        return self.sight

    def answer(
        self, question: str, sources: Sequence[Source], deadline: float, model: str | None = None
    ) -> GivenAnswer:
        assert not self.fakes.database.is_open, "a transaction waits for the model"
        self.asked.append((question, sources, deadline, model))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Agent(SearchAgent):
    """The agent. `outcome` is what it found, or is raised."""

    def __init__(self) -> None:
        self.outcome: Found | Exception = Found()
        self.asked: list[tuple[str, Question, float]] = []

    def run(self, tenant_id: str, question: Question, deadline: float) -> Found:
        self.asked.append((tenant_id, question, deadline))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@dataclass
class ReadModel:
    """Of `retrieval.projections`. `fault` is raised by the next vector."""

    analyzed: list[tuple[str, AnalyzedItem]] = field(default_factory=list)
    vectors: list[tuple[str, str, tuple[float, ...], str, int, datetime]] = field(default_factory=list)
    pictures: list[tuple[str, Picture]] = field(default_factory=list)
    deleted: list[tuple[str, str, datetime]] = field(default_factory=list)
    fault: Exception | None = None

    def project_analysis(self, conn: Connection[Any], tenant_id: str, item: AnalyzedItem) -> Outcome:
        self.analyzed.append((tenant_id, item))
        return Outcome.APPLIED

    def project_vector(
        self,
        conn: Connection[Any],
        tenant_id: str,
        item_id: str,
        *,
        vector: Sequence[float],
        model: str,
        analysis_version: int,
        embedded_at: datetime,
        passages: Sequence[PassageVector] = (),
    ) -> Outcome:
        if self.fault is not None:
            raise self.fault
        self.vectors.append((tenant_id, item_id, tuple(vector), model, analysis_version, embedded_at))
        return Outcome.APPLIED

    def project_picture(self, conn: Connection[Any], tenant_id: str, picture: Picture) -> Outcome:
        self.pictures.append((tenant_id, picture))
        return Outcome.APPLIED

    def project_deletion(self, conn: Connection[Any], tenant_id: str, item_id: str, deleted_at: datetime) -> Outcome:
        self.deleted.append((tenant_id, item_id, deleted_at))
        return Outcome.APPLIED


class Maintenance:
    """Of `search.schedule`."""

    def maintain_vector_indexes(
        self, conn: Connection[Any], exact_limit: int = DEFAULT_RANKING.exact_limit
    ) -> list[str]:
        return [ALICE, BOB]


@dataclass
class Search:
    """The service in memory. `keys` are those with which clients were made."""

    fakes: Fakes
    service: SearchService
    http: HttpEntry
    on_events: EventConsumer
    retrieval: Retrieval
    embedder: Embedder
    answerer: Answering
    agent: Agent
    read_model: ReadModel
    keys: dict[str, str]

    def ask(self, tenant: str | None = ALICE, **changes: Any) -> Answer:
        return call(self.http, "POST", "/search", tenant, body={"query": "ramen in Kyoto"} | changes)

    @property
    def query(self) -> SearchQuery:
        """The one search that was made."""
        ((query, _),) = self.retrieval.asked
        return query


@pytest.fixture
def unit(fakes: Fakes) -> Search:
    service = fakes.under(bootstrap(SearchSettings(**SETTINGS), fakes.aws))
    for name in ("anthropic", "voyage"):
        fakes.put_secret(f"{name}-api-key", f"key of {name}")
    keys: dict[str, str] = {}
    embedder, answerer, agent = Embedder(fakes), Answering(fakes), Agent()

    def made(name: str, client: object) -> Callable[[str], object]:
        def make(key: str) -> object:
            keys[name] = key
            return client

        return make

    vars(service).update(
        _embedder=made("embedder", embedder), _answerer=made("answerer", answerer), _agent=made("agent", agent)
    )
    return Search(
        fakes,
        service,
        ENTRY_POINTS.build("http", service),
        ENTRY_POINTS.build("on_events", service),
        fakes.stand_in(searching, Retrieval()),
        embedder,
        answerer,
        agent,
        fakes.stand_in(read_model, ReadModel()),
        keys,
    )


def problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["type"].removeprefix("urn:collections:problem:")


# POST /search


def response(search_type: str, *hits: Hit, **fields: Any) -> dict[str, Any]:
    """A whole response; what is not among the fields is null."""
    return {
        "query": "ramen in Kyoto",
        "search_type": search_type,
        "results": [found_item(hit).model_dump(mode="json") for hit in hits],
        "total_results": len(hits),
        **dict.fromkeys(("degraded", "confident", "total_matches", "facets", "next_cursor")),
        **dict.fromkeys(("answer", "answer_confidence", "citations", "answer_time_ms")),
        **dict.fromkeys(("answer_error", "answer_error_code")),
        **dict.fromkeys(("agent_reasoning", "tools_used")),
    } | fields


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between one look at the clock and the next pass 12.34 ms."""
    reads = count(100, 0.01234)
    clock = SimpleNamespace(perf_counter=lambda: next(reads), monotonic=time.monotonic)
    monkeypatch.setattr("search.api.time", clock)


@pytest.mark.usefixtures("ticks")
def test_a_hybrid_search_with_an_answer(unit: Search) -> None:
    answer = unit.ask(query="  ramen in Kyoto ")
    given = {"answer": "In Kyoto.", "answer_confidence": 0.9, "citations": ["one"]}
    times = {"retrieval_time_ms": 12.3, "answer_time_ms": 12.3}
    assert (answer.status, answer.body) == (200, response("hybrid", *unit.retrieval.hits, **given, **times))
    assert unit.keys == {"embedder": "key of voyage", "answerer": "key of anthropic"}


def test_what_a_hybrid_search_asks_for(unit: Search) -> None:
    unit.ask(top_k=7, category_filter="Food", min_relevance_score=-2.0, min_similarity_score=0.25)
    assert unit.embedder.asked == [(ALICE, "ramen in Kyoto", "voyage-3.5-lite")]
    assert unit.retrieval.asked == [
        (
            SearchQuery(
                tenant_id=ALICE,
                text="ramen in Kyoto",
                mode=SearchMode.HYBRID,
                vector=VECTOR,
                model="voyage-3.5-lite",
                top_k=7,
                filters=Filters(category="Food"),
                max_bm25_score=0.0,
                min_similarity=0.25,
                peek=True,
            ),
            Ranking(),
        )
    ]


def test_a_query_is_embedded_by_the_model_of_the_tenants_vectors(unit: Search) -> None:
    unit.retrieval.model = "voyage-4"
    unit.ask(search_type="vector")
    assert unit.embedder.asked == [(ALICE, "ramen in Kyoto", "voyage-4")]
    assert (unit.query.mode, unit.query.model) == (SearchMode.VECTOR, "voyage-4")


def test_a_keyword_search_embeds_nothing(unit: Search) -> None:
    unit.ask(search_type="bm25", min_relevance_score=-2.0, include_answer=False)
    query = unit.query
    assert (query.mode, query.vector, query.model, query.max_bm25_score) == (SearchMode.BM25, None, None, -2.0)
    assert (unit.embedder.asked, unit.keys) == ([], {})


@pytest.mark.parametrize(
    ("given", "limit"), [({}, 0.0), (-1, 0.0), (-1.0, 0.0), (0, 0.0), (-0.99, -0.99), (-1.5, -1.5)]
)
def test_what_a_limit_of_relevance_drops(given: Any, limit: float, unit: Search) -> None:
    unit.ask(search_type="bm25", include_answer=False, **({} if given == {} else {"min_relevance_score": given}))
    assert unit.query.max_bm25_score == limit


def test_an_answer_is_made_of_the_results_in_the_time_that_is_left(unit: Search) -> None:
    started = time.monotonic()
    unit.ask(answer_model="claude-opus-5")
    ((question, sources, deadline, model),) = unit.answerer.asked
    assert (question, model) == ("ramen in Kyoto", "claude-opus-5")
    assert sources == [Source("one", ("Ramen in Kyoto",)), Source("two", ("Ramen in Kyoto",))]
    assert unit.retrieval.read == [(ALICE, ("ramen in Kyoto", ""), 2000)]
    assert started + 28 <= deadline <= time.monotonic() + 28


@pytest.mark.parametrize("kind", ["hybrid", "agentic"])
def test_what_the_gateway_has_waited_is_taken_off(unit: Search, kind: str) -> None:
    event = http_event("POST", "/search", ALICE, body={"query": "ramen", "search_type": kind})
    event["requestContext"]["timeEpoch"] = (time.time() - 5) * 1000
    started = time.monotonic()
    assert unit.http(event, CONTEXT)["statusCode"] == 200
    (deadline,) = [asked[2] for asked in unit.answerer.asked] + [asked[2] for asked in unit.agent.asked]
    assert started + 22 < deadline < time.monotonic() + 23.1


@pytest.mark.usefixtures("ticks")
def test_without_results_no_model_is_asked(unit: Search) -> None:
    unit.retrieval.hits = []
    given = {"answer": "Nothing in the collection matches.", "answer_confidence": 0.0, "citations": []}
    assert unit.ask().body == response("hybrid", **given, confident=False, retrieval_time_ms=12.3, answer_time_ms=0.0)
    assert unit.answerer.asked == []


@pytest.mark.usefixtures("ticks")
def test_an_answer_that_is_not_wanted_is_not_paid_for(unit: Search) -> None:
    body = unit.ask(include_answer=False).body
    assert body == response("hybrid", *unit.retrieval.hits, retrieval_time_ms=12.3)
    assert unit.answerer.asked == []


@pytest.mark.parametrize(
    ("fault", "reason", "code"),
    [
        (AnswerRejectedError("the language model declined"), "the language model declined", "model-rejected"),
        (AnswerUnavailableError("no time left"), "no time left", "model-unavailable"),
        (TransientError("SSM: throttled"), "the language model is unavailable", "model-unavailable"),
    ],
)
@pytest.mark.usefixtures("ticks")
def test_a_missing_answer_costs_no_results(
    unit: Search, fault: Exception, reason: str, code: str, measured: Measured
) -> None:
    unit.answerer.outcome = fault
    answer = unit.ask()
    fields = {"answer_error": reason, "answer_error_code": code, "retrieval_time_ms": 12.3, "answer_time_ms": 12.3}
    assert (answer.status, answer.body) == (200, response("hybrid", *unit.retrieval.hits, **fields))
    assert measured()["AnswersUnavailable"] == ("Count", [1])


@pytest.mark.parametrize("throttled", [False, True])
def test_a_key_that_is_missing_or_cannot_be_read_costs_no_results(unit: Search, throttled: bool) -> None:
    del unit.fakes.aws.ssm.parameters["/test/anthropic-api-key"]
    with unit.fakes.aws.ssm.failing("get_parameter") if throttled else nullcontext():
        answer = unit.ask(search_type="bm25")
    assert (answer.status, len(answer.body["results"])) == (200, 2)
    assert (answer.body["answer"], answer.body["answer_error"]) == (None, "the language model is unavailable")
    assert "anthropic" not in answer.text


@pytest.mark.parametrize(("kind", "key"), [("vector", "voyage"), ("agentic", "anthropic")])
def test_a_search_without_the_key_it_needs(unit: Search, kind: str, key: str) -> None:
    del unit.fakes.aws.ssm.parameters[f"/test/{key}-api-key"]
    answer = unit.ask(search_type=kind)
    assert (problem(answer), answer.headers["Retry-After"]) == ((503, "provider-not-configured"), "5")
    assert "bm25" in answer.body["detail"]
    assert key not in answer.text


@pytest.mark.parametrize("kind", ["vector", "agentic"])
@pytest.mark.parametrize(
    ("fault", "status", "code", "retry_after"),
    [
        (EmbeddingRateLimitedError("429"), 503, "embedding-unavailable", "5"),
        (EmbeddingRejectedError("400"), 502, "embedding-rejected", None),
    ],
)
def test_a_query_that_cannot_be_embedded(
    unit: Search, kind: str, fault: Exception, status: int, code: str, retry_after: str | None
) -> None:
    unit.embedder.fault = unit.agent.outcome = fault
    answer = unit.ask(search_type=kind)
    assert (problem(answer), answer.headers.get("Retry-After")) == ((status, code), retry_after)
    assert "bm25" in answer.body["detail"]
    assert unit.answerer.asked == []


@pytest.mark.parametrize("fault", [EmbeddingRateLimitedError("429"), EmbeddingRejectedError("400"), None])
def test_a_hybrid_search_is_one_by_keywords_where_the_query_cannot_be_embedded(
    unit: Search, fault: Exception | None, measured: Measured
) -> None:
    unit.embedder.fault = fault
    if fault is None:
        del unit.fakes.aws.ssm.parameters["/test/voyage-api-key"]
    answer = unit.ask(min_relevance_score=-3)
    assert (answer.status, answer.body["degraded"], answer.body["search_type"]) == (200, "keywords", "hybrid")
    assert (unit.query.mode, unit.query.vector, unit.query.max_bm25_score) == (SearchMode.BM25, None, 0.0)
    assert answer.body["answer"] == "In Kyoto."
    assert measured()["SearchesWithoutMeaning"] == ("Count", [1])


class Backwards:
    """Finds the last of the texts the best, or is down."""

    fault: Exception | None = None

    def relevances(self, query: str, texts: Sequence[str]) -> list[float]:
        if self.fault:
            raise self.fault
        return [float(place) for place, _ in enumerate(texts)]


def test_the_order_stands_where_a_reranker_is_down_and_the_answer_says_so(unit: Search, measured: Measured) -> None:
    reranker = Backwards()
    unit.service.searcher._reranking = lambda: Reranking(reranker)
    unit.retrieval.hits = [hit("a"), hit("b", 2)]
    body = unit.ask(include_answer=False, top_k=2).body
    assert [result["item_id"] for result in body["results"]] == ["b", "a"]
    assert (unit.query.top_k, body["degraded"]) == (50, None)
    reranker.fault = RerankerUnavailableError("voyage: Timeout")
    body = unit.ask(include_answer=False, top_k=1).body
    assert [result["item_id"] for result in body["results"]] == ["a"]
    assert body["degraded"] == "not-reranked"
    assert measured()["SearchesNotReranked"] == ("Count", [1])
    body = unit.ask(include_answer=False, search_type="bm25").body
    assert [result["item_id"] for result in body["results"]] == ["a", "b"]


def test_an_agents_search_by_keywords_is_told(unit: Search) -> None:
    unit.agent.outcome = Found(degraded=Degraded.KEYWORDS)
    assert unit.ask(search_type="agentic").body["degraded"] == "keywords"


def test_matches_are_counted_where_it_is_asked_for(unit: Search) -> None:
    body = unit.ask(facets=["category"], sort="newest", place="Kyoto", include_answer=False).body
    values = [{"value": "food", "count": 4}, {"value": "receipt", "count": 3}]
    assert (body["total_matches"], body["facets"], body["total_results"]) == (7, {"category": values}, 2)
    assert unit.retrieval.counted == [(unit.query, ("category",))]
    assert (unit.query.order, unit.query.filters) == (Order.NEWEST, Filters(place="Kyoto"))
    assert unit.ask(facets=[], include_answer=False).body["facets"] == {}
    nothing = unit.ask(query="???", facets=["tag"], include_answer=False).body
    assert (nothing["total_matches"], nothing["facets"]) == (0, {"tag": []})


@pytest.mark.parametrize("changes", [{"facets": ["colour"]}, {"sort": "best"}, {"added_from": "soon"}])
def test_an_unknown_facet_order_or_time_is_refused(unit: Search, changes: dict[str, Any]) -> None:
    assert unit.ask(**changes).status == 422


def test_a_threshold_says_whether_anything_was_found(unit: Search) -> None:
    unit.service.searcher._thresholds = Thresholds(0.5, {"voyage-3.5-lite": 0.8})
    far = replace(hit("far", 2), similarity=0.7)
    unit.retrieval.hits = [hit("near"), far]
    assert unit.ask(include_answer=False).body["confident"] is True
    found = unit.ask(include_answer=False, confident_only=True).body
    assert [result["item_id"] for result in found["results"]] == ["near"]
    unit.retrieval.hits = [far]
    assert unit.ask(include_answer=False).body["confident"] is False
    nothing = unit.ask(confident_only=True).body
    assert (nothing["results"], nothing["answer"]) == ([], "Nothing in the collection matches.")
    unit.retrieval.hits = [replace(far, coverage=0.5, query_coverage=0.5)]
    assert unit.ask(include_answer=False, confident_only=True).body["confident"] is True
    assert unit.ask(query="???").body["confident"] is False


def test_each_result_is_explained_where_it_is_asked_for(unit: Search) -> None:
    body = unit.ask(explain=True, include_answer=False).body
    assert body["results"][0]["explanation"] == {
        "keyword_rank": 1,
        "vector_rank": None,
        "keyword_share": 0.25,
        "vector_share": 0.0,
        "terms": ["Ramen"],
        "fields": ["headline"],
    }
    pieces = [{"text": "Ramen", "matches": True}, {"text": " soup", "matches": False}]
    assert body["results"][0]["highlights"] == [{"field": "headline", "pieces": pieces}]
    assert body["results"][1]["explanation"] is None


def test_conditions_alone_are_not_embedded(unit: Search) -> None:
    assert unit.ask(query="category:food -lentil", include_answer=False).status == 200
    assert (unit.embedder.asked, unit.query.vector) == ([], None)
    unit.ask(query="soup -lentil category:food", include_answer=False)
    assert [text for _, text, _ in unit.embedder.asked] == ["soup"]


@pytest.mark.parametrize("transaction", [0, 1])
def test_a_search_while_the_database_is_silent(unit: Search, transaction: int) -> None:
    unit.fakes.database.fail(after=transaction)
    answer = unit.ask()
    assert (problem(answer), answer.headers["Retry-After"]) == ((503, "unavailable"), "5")


@pytest.mark.parametrize(
    "changes",
    [
        {"query": "   "},
        {"query": "a" * 2001},
        {"search_type": "magic"},
        {"top_k": 0},
        {"top_k": 51},
        {"min_similarity_score": 1.5},
        {"min_similarity_score": float("nan")},
        {"min_relevance_score": float("nan")},
        {"min_relevance_score": float("-inf")},
        {"category_filter": "a" * 201},
    ],
    ids=str,
)
def test_a_malformed_request_searches_nothing(unit: Search, changes: dict[str, Any]) -> None:
    assert problem(unit.ask(**changes)) == (422, "invalid-request")
    assert unit.retrieval.asked == []


def test_a_query_is_composed(unit: Search) -> None:
    assert unit.ask(query="cafe\u0301s in Paris").body["query"] == "cafés in Paris"
    assert unit.embedder.asked == [(ALICE, "cafés in Paris", "voyage-3.5-lite")]


def test_a_request_at_the_limits_is_searched(unit: Search) -> None:
    assert unit.ask(query="abc", top_k=50, min_similarity_score=1, category_filter="a" * 200).status == 200
    assert unit.ask(query="a" * 2000, top_k=1).status == 200


@pytest.mark.parametrize("model", ["gpt-5", "claude-opus-99", "claude", "Claude-Opus-5", " claude-opus-5", ""])
@pytest.mark.parametrize("kind", ["bm25", "agentic"])
def test_an_unknown_model_is_refused_before_anything_is_searched(unit: Search, model: str, kind: str) -> None:
    answer = unit.ask(answer_model=model, search_type=kind)
    assert problem(answer) == (422, "unsupported-model")
    assert {"claude-haiku-5-5", "claude-opus-5"} <= set(answer.body["allowed"])
    assert "claude-opus-5" in answer.body["detail"]
    assert (unit.retrieval.asked, unit.agent.asked) == ([], [])


def test_an_operator_says_which_models_may_answer(fakes: Fakes) -> None:
    settings = SearchSettings(**SETTINGS, answer_model="own", answer_models=" a-model, b-model ,")
    assert bootstrap(settings, fakes.aws).answer_models == {"own", "a-model", "b-model"}


def test_the_models_that_may_answer_are_those_of_the_sdk() -> None:
    assert bootstrap(SearchSettings()).answer_models <= set(get_args(get_args(AnthropicModel)[0]))


@pytest.mark.usefixtures("ticks")
def test_an_agentic_search(unit: Search) -> None:
    found = Found(
        hits={item: hit(item, rank=1) for item in ("one", "two", "three")},
        tools_used=[{"name": "search_collection"}],
        reasoning=["Let me look."],
        answer="Ramen in Kyoto [two]; more in [three].",
        told=[False, True],
    )
    unit.agent.outcome = found
    body = unit.ask(search_type="agentic", top_k=2, category_filter="Food", min_similarity_score=0.25).body
    assert body == response(
        "agentic",
        hit("two"),  # what is cited is shown
        hit("three", 2),
        answer="Ramen in Kyoto [two]; more in [three].",
        answer_confidence=0.9,
        confident=True,
        citations=["two", "three"],
        agent_reasoning=["Let me look."],
        tools_used=[{"name": "search_collection"}],
        retrieval_time_ms=12.3,
    )
    ((tenant, question, _),) = unit.agent.asked
    assert tenant == ALICE
    assert question == Question("ramen in Kyoto", SearchMode.HYBRID, 2, Filters(category="Food"), 0.0, 0.25)
    assert (unit.retrieval.asked, unit.answerer.asked) == ([], [])


def test_an_agent_without_an_answer(unit: Search) -> None:
    body = unit.ask(search_type="agentic").body
    assert (body["results"], body["answer"], body["citations"]) == ([], None, [])
    assert (body["answer_confidence"], body["confident"]) == (None, None)


@pytest.mark.parametrize(
    ("fault", "expected", "retry_after"),
    [
        (AnswerUnavailableError("the language model is unavailable (X)"), (503, "model-unavailable"), "5"),
        (AnswerRejectedError("the language model declined to answer"), (502, "model-rejected"), None),
    ],
)
def test_an_agent_whose_model_gives_no_answer(
    unit: Search, fault: AnswerError, expected: tuple[int, str], retry_after: str | None
) -> None:
    unit.agent.outcome = fault
    answer = unit.ask(search_type="agentic")
    assert (problem(answer), answer.headers.get("Retry-After")) == (expected, retry_after)
    assert answer.body["detail"] == str(fault)


def test_a_citation_that_its_source_does_not_support_is_dropped(
    unit: Search, measured: Measured, log_lines: LogLines
) -> None:
    unit.retrieval.hits = [hit("one"), replace(hit("two", 2), body="A hotel bill")]
    unit.answerer.outcome = GivenAnswer(answer="Ramen in Kyoto.", confidence=1, citations=["one", "two", "unknown"])
    body = unit.ask().body
    assert (body["citations"], body["answer_confidence"]) == (["one"], 0.3), "a third of .9"
    assert measured()["CitationsDropped"] == ("Count", [2])
    unit.answerer.outcome = GivenAnswer(answer="Ramen in Kyoto.", confidence=0.2, citations=["one"])
    assert unit.ask().body["answer_confidence"] == 0.2, "the model doubts"
    (line,) = [line for line in log_lines() if line["message"] == "citations dropped"]
    assert (line["dropped"], line["kept"]) == (2, 1)
    unit.agent.outcome = Found(
        hits={item.item_id: item for item in unit.retrieval.hits}, answer="Ramen [one], flights to Oslo [two]."
    )
    body = unit.ask(search_type="agentic").body
    assert (body["answer"], body["citations"]) == ("Ramen [one], flights to Oslo.", ["one"])


@pytest.mark.parametrize("kind", ["bm25", "vector", "hybrid", "agentic"])
def test_the_tenant_is_the_callers(unit: Search, kind: str) -> None:
    assert unit.ask(None, search_type=kind).status == 401
    assert unit.ask(BOB, search_type=kind).status == 200
    tenants = {tenant for tenant, *_ in [*unit.embedder.asked, *unit.agent.asked]}
    assert tenants | {query.tenant_id for query, _ in unit.retrieval.asked} == {BOB}


# Pages


def test_a_next_page_is_asked_for_with_the_cursor_of_the_one_before(unit: Search) -> None:
    first = unit.ask(top_k=1).body
    assert ([result["item_id"] for result in first["results"]], first["answer"]) == (["one"], "In Kyoto.")
    unit.retrieval.hits = [hit("two")]
    second = unit.ask(top_k=5, facets=[], cursor=first["next_cursor"]).body
    assert [(result["item_id"], result["rank"]) for result in second["results"]] == [("two", 2)]
    assert (second["next_cursor"], second["answer"], second["total_matches"]) == (None, None, 7)
    (_, _), (query, _) = unit.retrieval.asked
    assert (query.without, query.top_k) == (("one",), 5)
    assert len(unit.answerer.asked) == 1, "a next page is not paid for twice"


def test_a_cursor_of_another_query_or_tenant_is_refused(unit: Search) -> None:
    cursor = unit.ask(top_k=1).body["next_cursor"]
    for answer in (
        unit.ask(cursor=cursor, query="ramen"),
        unit.ask(cursor=cursor, place="Kyoto"),
        unit.ask(cursor="x" + cursor),
        unit.ask(BOB, cursor=cursor),
    ):
        assert problem(answer) == (400, "malformed-cursor")
        assert "this query" in answer.body["detail"]
    assert problem(unit.ask(cursor=cursor, search_type="agentic")) == (422, "invalid-request")
    assert len(unit.retrieval.asked) == 1


# POST /search/picture

PNG = b"\x89PNG\r\n\x1a\n...."


def show(unit: Search, picture: bytes | str = PNG, tenant: str | None = ALICE, **fields: Any) -> Answer:
    text = picture if isinstance(picture, str) else base64.b64encode(picture).decode()
    return call(unit.http, "POST", "/search/picture", tenant, body={"picture": text, **fields})


def test_a_picture_is_searched_by_what_it_shows(unit: Search) -> None:
    answer = show(unit, top_k=3, place="Kyoto", min_similarity_score=0.25)
    assert answer.status == 200
    assert answer.body["description"] == unit.answerer.sight
    assert [result["item_id"] for result in answer.body["results"]] == ["one", "two"]
    assert unit.answerer.shown == [(PNG, "image/png")]
    assert unit.embedder.asked == [(ALICE, unit.answerer.sight, "voyage-3.5-lite")]
    assert unit.query == SearchQuery(
        ALICE,
        mode=SearchMode.VECTOR,
        with_passages=False,
        vector=VECTOR,
        model="voyage-3.5-lite",
        top_k=3,
        filters=Filters(place="Kyoto"),
        min_similarity=0.25,
    ), "what a model says is no query: nothing in it narrows"


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (b"no picture at all", (400, "not-an-image")),
        ("not base64!", (400, "not-an-image")),
        (b"BM" + bytes(40), (400, "unsupported-type")),
        ("", (422, "invalid-request")),
        ("A" * 5_000_001, (422, "invalid-request")),
    ],
    ids=["text", "no base64", "bitmap", "empty", "large"],
)
def test_what_is_no_picture_is_shown_to_nobody(unit: Search, picture: bytes | str, expected: tuple[int, str]) -> None:
    assert problem(show(unit, picture)) == expected
    assert unit.answerer.shown == []


@pytest.mark.parametrize(
    ("sight", "embedding", "expected"),
    [
        (PictureRejectedError("damaged"), None, (422, "picture-rejected")),
        (AnswerUnavailableError("no time left"), None, (503, "model-unavailable")),
        ("Ramen.", EmbeddingRateLimitedError("429"), (503, "embedding-unavailable")),
        ("Ramen.", EmbeddingRejectedError("400"), (502, "embedding-rejected")),
    ],
)
def test_a_picture_that_providers_do_not_take(
    unit: Search, sight: str | Exception, embedding: Exception | None, expected: tuple[int, str]
) -> None:
    unit.answerer.sight, unit.embedder.fault = sight, embedding
    assert problem(show(unit)) == expected
    assert unit.retrieval.asked == []


# GET /items/{id}/similar


@dataclass
class Similar:
    """Of `search.api`: what is like an item. `fault` is raised instead."""

    asked: list[tuple[str, str, int, Filters]] = field(default_factory=list)
    fault: Exception | None = None

    def similar(
        self,
        conn: Connection[Any],
        tenant_id: str,
        item_id: str,
        *,
        top_k: int = 10,
        filters: Filters = NO_FILTERS,
        ranking: Ranking = DEFAULT_RANKING,
    ) -> list[Hit]:
        if self.fault is not None:
            raise self.fault
        self.asked.append((tenant_id, item_id, top_k, filters))
        return [hit("two")]


def test_items_like_another_are_found_without_a_provider(unit: Search) -> None:
    like = unit.fakes.stand_in(search.api, Similar())
    query = {"limit": "3", "category_filter": "Food", "has_text": "true", "width_from": "100"}
    answer = call(unit.http, "GET", f"/items/{ITEM}/similar", ALICE, query=query)
    assert (answer.status, answer.body["item_id"], answer.body["total_results"]) == (200, ITEM, 1)
    assert answer.body["results"] == [found_item(hit("two")).model_dump(mode="json")]
    assert like.asked == [(ALICE, ITEM, 3, Filters(category="Food", has_text=True, width_from=100))]
    assert read(unit.http, f"/items/{ITEM}/similar", BOB).status == 200
    assert set(map(repr, like.asked[1:])) == {repr((BOB, ITEM, 10, NO_FILTERS))}
    assert (unit.embedder.asked, unit.keys) == ([], {})


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(ItemNotFoundError(ITEM), (404, "not-found")), (NotEmbeddedError(ITEM), (409, "not-processed-yet"))],
)
def test_an_item_that_nothing_can_be_like(unit: Search, fault: Exception, expected: tuple[int, str]) -> None:
    unit.fakes.stand_in(search.api, Similar(fault=fault))
    answer = call(unit.http, "GET", f"/items/{ITEM}/similar", ALICE)
    assert problem(answer) == expected
    assert ITEM in answer.body["detail"]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "51"}, {"added_from": "soon"}, {"orientation": "round"}])
def test_a_malformed_question_for_the_like_is_refused(unit: Search, query: dict[str, str]) -> None:
    like = unit.fakes.stand_in(search.api, Similar())
    answer = call(unit.http, "GET", f"/items/{ITEM}/similar", ALICE, query=query)
    assert (problem(answer), like.asked) == ((422, "invalid-request"), [])


# GET /search/config


def test_the_configuration_as_it_runs(unit: Search) -> None:
    assert call(unit.http, "GET", "/search/config").status == 401
    answer = read(unit.http, "/search/config", ALICE)
    assert (answer.status, answer.body) == (
        200,
        {
            "algorithm": "weighted mean of BM25 over its bound and cosine similarity",
            "fusion": "scores",
            "embedding_model": "voyage-3.5-lite",
            "dimensions": 1024,
            "rrf_constant": 15,
            "weights": {"bm25": 0.7, "vector": 0.3},
            "fetch_multiplier": 2,
            "candidate_window": 200,
            "search_types": ["bm25", "vector", "hybrid", "agentic"],
            "answer_model": "claude-haiku-5-5",
            "agent_model": "claude-sonnet-5-5",
        },
    )


# Events


def events_of(item: str = ITEM) -> list[Event[Any]]:
    contracts: list[type[Contract]] = [ItemAnalyzed, ItemEmbedded, ItemDeleted]
    return [example(contract, subject=item, tenant=ALICE) for contract in contracts]


def test_events_of_items_are_folded_once(unit: Search) -> None:
    analyzed, embedded, deleted = events_of()
    assert deliver(unit.on_events, analyzed, embedded, deleted, analyzed, embedded, deleted) == []
    ((tenant, item),) = unit.read_model.analyzed
    assert (tenant, item.item_id, item.version, item.analyzed_at) == (
        ALICE,
        ITEM,
        analyzed.data.version,
        analyzed.time,
    )
    assert item.description == analyzed.data.description.model_dump(mode="json")
    data = embedded.data
    vector = (ALICE, ITEM, data.values(), data.model, data.analysis_version, embedded.time)
    assert unit.read_model.vectors == [vector]
    assert unit.read_model.deleted == [(ALICE, ITEM, deleted.time)]
    assert (unit.fakes.recorded, unit.fakes.aws.events.entries) == ([], [])
    assert unit.fakes.store.locks == [(ALICE, ITEM)] * 3


def test_what_the_file_of_a_picture_says_is_folded(unit: Search) -> None:
    event = example(ImageProcessed, subject=ITEM, tenant=ALICE)
    full = Exif(camera_make="Canon", camera_model="EOS R5", taken_at="2026-03-01T12:00:00.123456789")
    never_set = Exif(taken_at="2026-02-31T00:00:00")
    assert deliver(unit.on_events, *(replaced(event, exif) for exif in (None, full, never_set))) == []
    size = (event.data.width, event.data.height)
    assert unit.read_model.pictures == [
        (ALICE, Picture(ITEM, event.time, *size)),
        (ALICE, Picture(ITEM, event.time, *size, datetime(2026, 3, 1, 12, 0, 0, 123456), "Canon", "EOS R5")),
        (ALICE, Picture(ITEM, event.time, *size)),
    ]


def replaced(event: Event[ImageProcessed], exif: Exif | None) -> Event[ImageProcessed]:
    """The same fact with other EXIF, as an event of its own."""
    return replace(event, id=str(uuid.uuid4()), data=event.data.model_copy(update={"exif": exif}))


def test_a_replay_for_search_is_folded_and_one_for_others_is_not(unit: Search) -> None:
    analyzed, *_ = events_of()
    deliver(unit.on_events, analyzed)
    deliver(unit.on_events, replayed(analyzed, replay_id="1", replay_for="chat"))
    deliver(unit.on_events, replayed(analyzed, replay_id="2", replay_for="search"))
    assert len(unit.read_model.analyzed) == 2


def test_a_vector_that_compares_with_none_is_dead_lettered_alone(unit: Search) -> None:
    unit.read_model.fault = InvalidVectorError("3 dimensions")
    analyzed, embedded, deleted = events_of()
    assert deliver(unit.on_events, embedded, "no json", analyzed) == []
    assert sorted(letter.reason for letter in unit.fakes.dead_letters()) == ["invalid-vector", "not-json"]
    assert deliver(unit.on_events, deleted) == []
    assert (len(unit.read_model.analyzed), len(unit.read_model.deleted)) == (1, 1)


def test_a_vector_of_other_dimensions_than_stated_is_dead_lettered(unit: Search) -> None:
    assert deliver(unit.on_events, example(ItemEmbedded, subject=ITEM, tenant=ALICE, dimensions=3)) == []
    assert [(letter.reason, letter.detail) for letter in unit.fakes.dead_letters()] == [
        ("invalid-vector", "the vector does not hold 3 float32 values")
    ]
    assert unit.read_model.vectors == []


def test_an_event_whose_fold_fails_comes_back_alone(unit: Search) -> None:
    unit.read_model.fault = ConnectionError("gone")
    analyzed, embedded, _ = events_of()
    assert deliver(unit.on_events, embedded, analyzed, receives=2) == [envelope(embedded)]
    assert deliver(unit.on_events, embedded, receives=3) == []
    assert [letter.reason for letter in unit.fakes.dead_letters()] == ["gave-up:ConnectionError"]
    unit.read_model.fault = None
    assert deliver(unit.on_events, embedded) == [], "redriven from the dead-letter queue, it counts"
    assert len(unit.read_model.vectors) == 1


@pytest.mark.parametrize("transaction", [0, 1])
def test_a_silent_database_brings_the_event_back(unit: Search, transaction: int) -> None:
    analyzed, *_ = events_of()
    unit.fakes.database.fail(after=transaction)
    assert deliver(unit.on_events, analyzed) == [envelope(analyzed)]
    assert unit.read_model.analyzed == []
    assert deliver(unit.on_events, analyzed) == []
    assert len(unit.read_model.analyzed) == 1


def test_the_maintenance_reports_the_tenants_whose_indexes_changed(unit: Search, log_lines: LogLines) -> None:
    unit.fakes.stand_in(search.schedule, Maintenance())
    assert ENTRY_POINTS.build("maintenance", unit.service)({}, None) == {"tenants": 2}
    (line,) = log_lines()
    assert (line["message"], line["tenants"]) == ("maintenance", 2)


# What runs


def test_clients_are_made_of_the_settings_and_once_for_each_key(fakes: Fakes) -> None:
    settings = SearchSettings(
        **SETTINGS,
        embedding_model="voyage-4",
        voyage_base_url="http://voyage.invalid/v1",
        bm25_weight=0.1,
        vector_weight=0.2,
        fusion=Fusion.RRF,
        candidate_window=60,
        rrf_constant=3,
        fetch_multiplier=4,
        answer_model="claude-a",
        answer_timeout_s=5,
        agent_model="claude-b",
        agent_timeout_s=7,
        agent_max_rounds=2,
    )
    service = fakes.under(bootstrap(settings, fakes.aws))
    for name in ("anthropic", "voyage"):
        fakes.put_secret(f"{name}-api-key", f"key of {name}")
    assert service.searcher.ranking == Ranking(
        fusion=Fusion.RRF, bm25_weight=0.1, vector_weight=0.2, window=60, rrf_constant=3, fetch_multiplier=4
    )
    embedder, answerer, agent = service.embedder, service.answerer, service.agent
    config = EmbedderConfig(api_key="key of voyage", base_url="http://voyage.invalid/v1", model="voyage-4")
    assert embedder._config == config
    assert (answerer._client.api_key, answerer._client.timeout) == ("key of anthropic", 5)
    assert (answerer._model, answerer._timeout_s) == ("claude-a", 5)
    assert (agent._searcher, agent._max_rounds, agent._timeout_s) == (service.searcher, 2, 7)
    model = agent._model
    assert model.anthropic_api_key.get_secret_value() == "key of anthropic"
    assert (model.model, model.max_tokens, model.default_request_timeout, model.max_retries) == ("claude-b", 1024, 7, 0)
    assert service.searcher._embedder() is embedder
    assert (service.answerer, service.agent) == (answerer, agent)
    fakes.put_secret("anthropic-api-key", "another key")
    assert (service.answerer._client.api_key, service.embedder) == ("another key", embedder)
    assert service.agent is not agent


def test_a_tenant_is_forgotten(unit: Search) -> None:
    assert assert_forgets(unit.fakes, ENTRY_POINTS.build("on_events", unit.service), "alice") == {}
