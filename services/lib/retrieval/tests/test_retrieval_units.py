"""Descriptions, results, vectors and tokens, one fact at a time and without a database."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import Connection

from chassis.errors import PermanentError
from chassis.voyage import VoyageError, VoyageFault
from contracts import Event
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded
from contracts.ingest import ItemDeleted
from retrieval import projections
from retrieval.documents import AnalyzedItem
from retrieval.embeddings import EmbedderConfig, QueryEmbedder
from retrieval.errors import (
    EmbeddingRateLimitedError,
    EmbeddingRejectedError,
    EmbeddingUnavailableError,
    InvalidQueryError,
    InvalidVectorError,
)
from retrieval.filters import Filters
from retrieval.query import Fusion, Hit, Ranking, ScoreType, SearchMode, SearchQuery
from retrieval.read_model import Outcome
from retrieval.results import as_result, mentioned, texts
from retrieval.search import _parameters
from retrieval.text import MAX_TOKEN_LENGTH, document_tokens, query_tokens
from retrieval.vectors import PassageVector, unit_vector
from testkit import Fakes
from testkit.fakes import example

DESCRIPTION: dict[str, Any] = {
    "headline": "Headline",
    "summary": "Summary",
    "category": "category",
    "subcategories": ["one", "two"],
    "media_metadata": {
        "original_poster": "poster",
        "tagged_accounts": ["tagged"],
        "location_tags": ["Tokyo", "Japan"],
        "audio_source": "audio",
        "hashtags": ["hashtag"],
    },
    "image_details": {
        "extracted_text": ["extracted"],
        "objects": ["object"],
        "themes": ["theme"],
        "emotions": ["emotion"],
        "vibes": ["vibe"],
        "visual_hierarchy": ["first"],
        "key_interest": "interest",
        "likely_source": "source",
    },
}
BODY = [
    *("Headline", "Summary", "category", "one two"),
    *("poster", "tagged", "Tokyo Japan", "audio", "hashtag"),
    *("extracted", "object", "theme", "emotion", "vibe", "first", "interest", "source"),
    "holiday.png",
]


def item(**changes: Any) -> AnalyzedItem:
    fields: dict[str, Any] = {
        "item_id": "item",
        "version": 1,
        "analysis_id": "analysis",
        "analyzed_at": datetime(2026, 11, 22, tzinfo=UTC),
        "filename": "item.png",
        "original_filename": "holiday.png",
        "description": DESCRIPTION,
    }
    return AnalyzedItem(**fields | changes)


def test_the_body_has_every_searchable_field_on_a_line_in_its_order() -> None:
    assert item().body().split("\n") == BODY


@pytest.mark.parametrize("name", ["headline", "subcategories", "media_metadata", "image_details"])
@pytest.mark.parametrize("odd", [None, 5, {"deep": "er"}, [5, None]])
def test_what_is_no_text_leaves_no_line(name: str, odd: object) -> None:
    gone = {"headline": BODY[:1], "subcategories": BODY[3:4], "media_metadata": BODY[4:9], "image_details": BODY[9:17]}
    body = item(description={**DESCRIPTION, name: odd}).body()
    assert body.split("\n") == [line for line in BODY if line not in gone[name]]


def test_a_list_keeps_the_texts_in_it() -> None:
    mixed = item(
        description={"subcategories": ["one", 5, None, "two"], "headline": ("a", "pair")}, original_filename=""
    )
    assert mixed.body() == "a pair\none two"


def test_a_text_of_the_description_is_a_string() -> None:
    found = item(description={"headline": "Headline", "summary": 5})
    assert (found.text("headline"), found.text("summary"), found.text("category")) == ("Headline", "", "")


def test_the_digest_is_of_the_content_in_any_order_of_keys() -> None:
    turned = dict(reversed(list(DESCRIPTION.items())))
    assert item(description=turned).digest() == item().digest()
    content = json.dumps(["analysis", "item.png", "holiday.png", DESCRIPTION], sort_keys=True)
    assert item().digest() == hashlib.sha256(content.encode()).digest()


@pytest.mark.parametrize("name", ["analysis_id", "filename", "original_filename", "description"])
def test_the_digest_changes_with_each_part_of_the_content(name: str) -> None:
    changed: Any = {"headline": "Other"} if name == "description" else "other"
    assert item(**{name: changed}).digest() != item().digest()


@pytest.mark.parametrize("name", ["item_id", "version", "analyzed_at"])
def test_the_digest_is_not_of_what_identifies(name: str) -> None:
    changed = {"item_id": "other", "version": 2, "analyzed_at": datetime(2027, 1, 1, tzinfo=UTC)}
    assert item(**{name: changed[name]}).digest() == item().digest()


def test_what_postgres_cannot_store_is_replaced_at_every_depth() -> None:
    odd = item(
        analysis_id="a\x00",
        filename="f\x00",
        original_filename="o\ud800",
        description={"he\x00ad": ["x\x00", {"deep": "y\x00"}, ("z\x00",)], "number": 5, "nothing": None, "flag": True},
    ).storable()
    assert (odd.analysis_id, odd.filename, odd.original_filename) == ("a", "f", "o\ufffd")
    assert odd.description == {
        "head": ["x", {"deep": "y"}, ["z"]],
        "number": 5,
        "nothing": None,
        "flag": True,
    }
    assert (odd.item_id, odd.version) == ("item", 1)


HIT = Hit(
    item_id="item",
    rank=3,
    score=-1.5,
    score_type=ScoreType.BM25,
    bm25=-1.5,
    similarity=0.25,
    category="category",
    headline="Headline",
    summary="Summary",
    filename="item.png",
    original_filename="holiday.png",
    analysis_id="analysis",
    analysis_version=2,
    description=DESCRIPTION,
    body="body",
)


def test_a_result_shows_all_that_the_api_promises() -> None:
    assert as_result(HIT).model_dump() == {
        "item_id": "item",
        "rank": 3,
        "score": -1.5,
        "score_type": "bm25",
        "category": "category",
        "headline": "Headline",
        "summary": "Summary",
        "image_url": "/images/item.png",
        "metadata": {
            "filename": "item.png",
            "original_filename": "holiday.png",
            "analysis_id": "analysis",
            "analysis_version": 2,
            "subcategories": ["one", "two"],
            "location_tags": ["Tokyo", "Japan"],
            "similarity": 0.25,
            "bm25_score": -1.5,
        },
    }
    assert as_result(HIT, rank=7).rank == 7


@pytest.mark.parametrize(
    ("description", "found"),
    [
        ({"media_metadata": {"location_tags": ["Tokyo", 5, "Japan"]}}, ["Tokyo", "Japan"]),
        ({"media_metadata": {"location_tags": ("Tokyo",)}}, ["Tokyo"]),
        ({"media_metadata": {"location_tags": "Tokyo"}}, []),
        ({"media_metadata": {}}, []),
        ({"media_metadata": "Tokyo"}, []),
        ({}, []),
    ],
)
def test_texts_are_found_where_they_are(description: dict[str, Any], found: list[str]) -> None:
    assert texts(description, "media_metadata", "location_tags") == found


def test_citations_are_in_the_order_of_their_first_mention() -> None:
    assert mentioned("item-2 beside item-1 and item-2", ["item-1", "item-2", "item-3"]) == ["item-2", "item-1"]
    assert mentioned("item-1", ["item-1"]) == ["item-1"], "also at the very beginning"
    assert mentioned("", ["item-1"]) == []


def test_a_unit_vector_has_length_one_and_the_same_direction() -> None:
    unit = unit_vector([3.0, 4.0] + [0.0] * 1022).to_list()
    assert unit[:2] == pytest.approx([0.6, 0.8], abs=1e-3)
    assert unit[2:] == [0.0] * 1022
    assert unit_vector([0.25] + [0.0] * 1023).to_list()[0] == 1, "however short it was"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0] * 1023, "1023 values instead of 1024"),
        ([1.0] * 1025, "1025 values instead of 1024"),
        ([1.0] * 1023 + [float("nan")], "not finite"),
        ([float("inf")] + [1.0] * 1023, "not finite"),
        ([0.0] * 1024, "norm zero"),
        ([1e308] * 1024, "norm zero"),
    ],
)
def test_what_has_no_direction_is_refused(values: list[float], reason: str) -> None:
    with pytest.raises(InvalidVectorError, match=reason):
        unit_vector(values)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a" * (MAX_TOKEN_LENGTH + 1), ["a" * MAX_TOKEN_LENGTH]),
        # A mark belongs to the letter before it, and to nothing when there is none.
        ("\u0301abc", ["abc"]),
        ("★\u0301abc", ["★", "abc"]),
        # Two kinds of letters end each other's words.
        ("abc東京def", ["abc", "東京", "東", "京", "def"]),
        ("東京 駅", ["東京", "東", "京", "駅"]),
        ("★☆", ["★", "☆"]),
        # Of an odd number of letters of flags, the last stands alone; a symbol between keeps them apart.
        ("🇯🇵🇫", ["🇯🇵", "🇫"]),
        ("★🇯🇵", ["★", "🇯🇵"]),
        ("🇯★", ["🇯", "★"]),
        # The first and last characters of blocks.
        ("\u4e00\u9fff", ["\u4e00\u9fff", "\u4e00", "\u9fff"]),
        ("x\u00b2", ["x2"]),
        ("ΆΛΦΑ й", ["άλφα", "й"]),
    ],
)
def test_tokens_at_the_edges_of_their_kinds(text: str, tokens: list[str]) -> None:
    assert document_tokens(text) == tokens


def test_a_query_keeps_the_first_of_its_words() -> None:
    words = [f"w{number}" for number in range(300)]
    assert query_tokens(" ".join(words)) == words[:256]


@dataclass
class ReadModel:
    """Of `retrieval.projections`. `made` are the rows written; `fault` is raised by a vector."""

    made: list[Any] = field(default_factory=list)
    fault: Exception | None = None

    def project_analysis(self, conn: Connection[Any], tenant_id: str, item: AnalyzedItem) -> Outcome:
        self.made.append((tenant_id, item))
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
        self.made.append((tenant_id, item_id, vector, model, analysis_version, embedded_at, len(passages)))
        return Outcome.APPLIED

    def project_deletion(self, conn: Connection[Any], tenant_id: str, item_id: str, deleted_at: datetime) -> Outcome:
        self.made.append((tenant_id, item_id, deleted_at))
        return Outcome.APPLIED


def test_what_is_kept_of_the_events_of_an_item(fakes: Fakes) -> None:
    rows = fakes.stand_in(projections, ReadModel())
    analyzed = example(ItemAnalyzed, subject="item", tenant="alice", original_filename="holiday.png")
    embedded = example(ItemEmbedded, subject="item", tenant="alice", analysis_version=3)
    deleted = example(ItemDeleted, subject="item", tenant="alice")
    events: list[Event[Any]] = [analyzed, embedded, deleted]
    for event in events:
        projections.READ_MODEL.folds[type(event.data)](fakes.connection, event)
    analysis, vector = analyzed.data, embedded.data
    assert rows.made == [
        (
            "alice",
            AnalyzedItem(
                item_id="item",
                version=analysis.version,
                analysis_id=analysis.analysis_id,
                analyzed_at=analyzed.time,
                filename=analysis.filename,
                original_filename="holiday.png",
                description=analysis.description.model_dump(mode="json"),
            ),
        ),
        ("alice", "item", vector.values(), vector.model, 3, embedded.time, 0),
        ("alice", "item", deleted.time),
    ]
    assert analysis.filename != "holiday.png"


def test_a_vector_that_compares_with_none_will_never_do(fakes: Fakes) -> None:
    fault = InvalidVectorError("3 values instead of 1024")
    fakes.stand_in(projections, ReadModel(fault=fault))
    with pytest.raises(PermanentError) as raised:
        projections.item_embedded(fakes.connection, example(ItemEmbedded, subject="item", tenant="alice"))
    assert (raised.value.code, str(raised.value)) == ("invalid-vector", "3 values instead of 1024")
    assert raised.value.__cause__ is fault


def test_a_vector_of_other_dimensions_than_stated_is_none(fakes: Fakes) -> None:
    rows = fakes.stand_in(projections, ReadModel())
    with pytest.raises(PermanentError) as raised:
        projections.item_embedded(fakes.connection, example(ItemEmbedded, subject="item", tenant="alice", dimensions=3))
    assert (raised.value.code, str(raised.value)) == ("invalid-vector", "the vector does not hold 3 float32 values")
    assert rows.made == []


VECTOR = [2.0] + [0.0] * 1023
RANKING = Ranking(
    k1=1.5,
    b=0.5,
    bm25_weight=0.1,
    vector_weight=0.2,
    coverage_power=2,
    exact_bonus=0.4,
    rrf_constant=9,
    fetch_multiplier=3,
    window=30,
    ef_search=7,
    max_scan_tuples=8,
)
COMMON = {
    "tenant": "alice",
    "tokens": ["red", "boat"],
    "alternatives": ["redboat", "boatred"],
    "top_k": 4,
    "c": 9,
    "filter_0_0": "Food",
}
WORDS = {"k1": 1.5, "b": 0.5, "max_bm25": -2.0, "bm25_weight": 0.1}
MEANING = {
    "model": "m",
    "vector_alone": False,
    "min_similarity": 0.25,
    "vector_weight": 0.2,
    "coverage_power": 2,
    "exact_bonus": 0.4,
    "written": ["red", "boat"],
    "ef_search": 7,
    "max_scan_tuples": 8,
}


@pytest.mark.parametrize(
    ("mode", "fusion", "expected"),
    [
        (SearchMode.BM25, Fusion.SCORES, COMMON | WORDS | {"fetch": 4, "ranked": 4}),
        (SearchMode.VECTOR, Fusion.RRF, COMMON | MEANING | {"fetch": 4, "ranked": 4}),
        (SearchMode.HYBRID, Fusion.SCORES, COMMON | WORDS | MEANING | {"fetch": 30, "ranked": 30}),
        (SearchMode.HYBRID, Fusion.RRF, COMMON | WORDS | MEANING | {"fetch": 12, "ranked": 12}),
    ],
)
def test_what_a_search_tells_its_statement(mode: SearchMode, fusion: Fusion, expected: dict[str, Any]) -> None:
    query = SearchQuery(
        "alice",
        "Red boat, red",
        mode,
        vector=VECTOR,
        model="m",
        top_k=4,
        filters=Filters("Food"),
        max_bm25_score=-2,
        min_similarity=0.25,
    )
    parameters = _parameters(query, replace(RANKING, fusion=fusion))
    if mode is not SearchMode.BM25:
        assert parameters.pop("vector").to_list() == [1.0] + [0.0] * 1023
    assert parameters == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tenant_id": ""}, "a search needs a tenant"),
        ({"top_k": 0}, "top_k is 0, not 1 to 1000"),
        ({"top_k": 1001}, "top_k is 1001, not 1 to 1000"),
        ({"vector": None}, "a hybrid search needs a vector and its model"),
        ({"model": None}, "a hybrid search needs a vector and its model"),
    ],
)
def test_a_search_that_cannot_be_made_says_why(changes: dict[str, Any], reason: str) -> None:
    query = SearchQuery("alice", "words", vector=VECTOR, model="m")
    with pytest.raises(InvalidQueryError, match=f"^{reason}$"):
        _parameters(replace(query, **changes), RANKING)
    for top_k in (1, 1000):
        assert _parameters(replace(query, top_k=top_k), RANKING)["top_k"] == top_k


class Queries(QueryEmbedder):
    """Embeds one query of one tenant."""

    def embed(self, tenant_id: str, text: str, model: str | None = None) -> tuple[float, ...]:
        assert (tenant_id, text) == ("alice", "words")
        return (1.0, 2.0)


def test_retrievers_ask_what_they_are_set_to() -> None:
    from retrieval.langchain import BM25Retriever, HybridRetriever, VectorRetriever, as_document

    common: dict[str, Any] = {"tenant_id": "alice", "top_k": 4, "filters": Filters("Food")}
    rest: dict[str, Any] = {"connect": lambda: None, **common}
    queries = Queries(EmbedderConfig(api_key="key", model="m"))
    meaning: dict[str, Any] = {"embedder": queries, "min_similarity": 0.25}
    asked: dict[str, Any] = {**common, "text": "words", "vector": (1.0, 2.0), "model": "m", "min_similarity": 0.25}
    for retriever, expected in (
        (BM25Retriever(max_bm25_score=-2, **rest), SearchQuery(**common, text="words", mode=SearchMode.BM25)),
        (VectorRetriever(**rest, **meaning), SearchQuery(mode=SearchMode.VECTOR, **asked)),
        (HybridRetriever(max_bm25_score=-2, **rest, **meaning), SearchQuery(mode=SearchMode.HYBRID, **asked)),
    ):
        loosest = 0.0 if expected.mode is SearchMode.VECTOR else -2
        assert retriever._question("words") == replace(expected, max_bm25_score=loosest)
    document = as_document(HIT)
    assert (document.id, document.page_content) == ("item", "body")
    assert document.metadata == {name: value for name, value in asdict(HIT).items() if name != "body"}


class FakeVoyage:
    """Of `chassis.voyage`: clients by how they are made, and one vector or error for every query."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.made: list[dict[str, Any]] = []

    def __call__(self, **made: Any) -> Any:
        self.made.append(made)
        return SimpleNamespace(embed_query=self._embed)

    def _embed(self, text: str) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def test_a_client_is_made_once_for_each_model(monkeypatch: pytest.MonkeyPatch) -> None:
    voyage = FakeVoyage([1] * 1024)
    monkeypatch.setattr("chassis.voyage.Voyage", voyage)
    config = EmbedderConfig("key", "http://voyage.invalid/v1", "m", timeout_s=3, attempts=2, cache_size=1)
    queries = QueryEmbedder(config)
    assert "key" not in repr(config).replace("api_key", "")
    for text, model in (("one", None), ("two", "m"), ("three", "n"), ("one", None)):
        assert queries.embed("alice", text, model) == (1.0,) * 1024
    common = {"api_key": "key", "base_url": "http://voyage.invalid/v1", "dimensions": 1024}
    assert voyage.made == [{**common, "model": model, "timeout_s": 3, "attempts": 2} for model in ("m", "n")]


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (VoyageFault.LIMITED, EmbeddingRateLimitedError),
        (VoyageFault.UNAVAILABLE, EmbeddingUnavailableError),
        (VoyageFault.REFUSED, EmbeddingRejectedError),
        (VoyageFault.REQUEST_REFUSED, EmbeddingRejectedError),
        (VoyageFault.MALFORMED, EmbeddingRejectedError),
    ],
)
def test_an_error_of_the_provider_keeps_its_words_and_cause(
    monkeypatch: pytest.MonkeyPatch, fault: VoyageFault, raised: type[Exception]
) -> None:
    error = VoyageError(fault, "why")
    monkeypatch.setattr("chassis.voyage.Voyage", FakeVoyage(error))
    with pytest.raises(raised) as caught:
        QueryEmbedder(EmbedderConfig("key")).embed("alice", "one")
    assert (type(caught.value), str(caught.value), caught.value.__cause__) == (raised, "voyage: why", error)


@pytest.mark.parametrize("values", [[1.0] * 1023, [1.0] * 1023 + [float("inf")]])
def test_a_vector_that_is_none_is_rejected(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    monkeypatch.setattr("chassis.voyage.Voyage", FakeVoyage(values))
    with pytest.raises(EmbeddingRejectedError, match=f"^Voyage returned {len(values)} values, or not all"):
        QueryEmbedder(EmbedderConfig("key")).embed("alice", "one")
