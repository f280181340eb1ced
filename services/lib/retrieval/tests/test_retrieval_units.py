"""Descriptions, results, vectors and tokens, one fact at a time and without a database."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.analysis import ItemAnalyzed
from retrieval.documents import AnalyzedItem
from retrieval.errors import InvalidVectorError
from retrieval.projections import item_analyzed
from retrieval.query import Hit, ScoreType
from retrieval.results import as_result, mentioned, texts
from retrieval.text import MAX_TOKEN_LENGTH, document_tokens, query_tokens
from retrieval.vectors import unit_vector
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


def test_a_described_item_is_kept_with_all_that_results_show(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    monkeypatch.setattr("retrieval.projections.project_analysis", lambda *what: kept.append(what))
    event = example(ItemAnalyzed, subject="item", tenant="alice")
    connection: Any = object()
    item_analyzed(connection, event)
    analyzed = AnalyzedItem(
        item_id="item",
        version=event.data.version,
        analysis_id=event.data.analysis_id,
        analyzed_at=event.time,
        filename=event.data.filename,
        original_filename=event.data.original_filename,
        description=event.data.description.model_dump(mode="json"),
    )
    assert kept == [(connection, "alice", analyzed)]
