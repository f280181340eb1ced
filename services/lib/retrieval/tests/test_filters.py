"""Filters: one field each, from which the HTTP parameter, the tools' argument and the conditions in SQL follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from psycopg import Connection
from pydantic import BaseModel, ValidationError

from retrieval import (
    AnalyzedItem,
    Filters,
    Picture,
    Ranking,
    SearchMode,
    SearchQuery,
    maintain_vector_indexes,
    project_analysis,
    project_picture,
    project_vector,
    search,
)
from retrieval.filters import COLUMNS, FIELDS, FILTERS, conditions, key, media_type_key, parameters
from retrieval.requests import FilteredRequest, filtered_arguments, filtered_request

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]


@dataclass(frozen=True)
class Case:
    """A filter's value, and how the items `matching` and `other` differ: in their descriptions, or by another fold."""

    value: Any
    matching: Mapping[str, Any] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)
    #: Folds one more event about the item of that id.
    fold: Callable[[Connection[Any], str], object] | None = None


def media(**fields: Any) -> dict[str, Any]:
    return {"media_metadata": fields}


def seen(**fields: Any) -> dict[str, Any]:
    return {"image_details": fields}


START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = datetime(2026, 3, 1)  # cameras know no zone


def taken(matching: Mapping[str, Any], other: Mapping[str, Any]) -> Callable[[Connection[Any], str], object]:
    """How the pictures of the two items differ."""

    def fold(conn: Connection[Any], item_id: str) -> None:
        facts = {"width": 400, "height": 300, **(matching if item_id == "matching" else other)}
        project_picture(conn, "alice", Picture(item_id, START, **facts))

    return fold


CASES = {
    "category": Case("rECEIPT", {"category": "Receipt"}, {"category": "poster"}),
    "subcategory": Case("Rāmen", {"subcategories": ["noodles", "ramen"]}, {"subcategories": ["ramen shop"]}),
    "place": Case("kyoto", media(location_tags=["Gion, Kyoto"]), media(location_tags=["Kyotographie", "Gion"])),
    "person": Case("@Ann_Lee", media(original_poster="ann lee"), media(tagged_accounts=["@ann", "lee"])),
    "tag": Case("travel", media(hashtags=["#Travel"]), {"image_details": {"themes": ["time travel"]}}),
    "source": Case("instagram", seen(likely_source="Instagram story"), seen(likely_source="a camera")),
    "has_text": Case(False, seen(extracted_text=[" "]), seen(extracted_text=["SALE"])),
    "media_type": Case("image/PNG", {}, {"extension": "jpg"}),
    "added_from": Case(START + timedelta(minutes=2), {"version": 2}, {"version": 1}),
    "added_before": Case(START + timedelta(minutes=2), {"version": 1}, {"version": 2}),
    "taken_from": Case(DAY, fold=taken({"taken_at": DAY}, {"taken_at": DAY - timedelta(seconds=1)})),
    "taken_before": Case(DAY, fold=taken({"taken_at": DAY - timedelta(seconds=1)}, {"taken_at": DAY})),
    "camera": Case(
        "canon EOS", fold=taken({"camera_make": "Canon", "camera_model": "Canon EOS R5"}, {"camera_model": "EOS-1"})
    ),
    "orientation": Case("portrait", fold=taken({"width": 299}, {"width": 300})),
    "width_from": Case(1920, fold=taken({"width": 1920}, {"width": 1919})),
    "height_from": Case(1080, fold=taken({"height": 1080}, {"height": 1079})),
}


def span(first: str, end: str) -> tuple[tuple[str, datetime], ...]:
    return tuple(
        (name, datetime.fromisoformat(day).replace(tzinfo=UTC))
        for name, day in (("added_from", first), ("added_before", end))
    )


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS R5", "canon eos r5"),
        ("Apple", "iPhone 15 Pro", "apple iphone 15 pro"),
        ("NIKON CORPORATION", "NIKON D90", "nikon corporation nikon d90"),
        (None, "Pixel 9", "pixel 9"),
        ("SONY", None, "sony"),
        ("?", "\x00", None),
        (None, None, None),
    ],
)
def test_a_camera_is_its_make_and_model(make: str | None, model: str | None, camera: str | None) -> None:
    picture = Picture("item", START, 1, 1, camera_make=make, camera_model=model)
    assert picture.columns()["camera"] == camera


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("TikTok", "tiktok"),
        ("@Ann_Lee", "ann lee"),
        ("#StreetFood", "#streetfood"),
        ("Café Łódź", "CAFE LODZ"),
        ("iPhone", "IPHONE"),
    ],
)
def test_texts_are_compared_by_their_words_whatever_the_case(text: str, written: str) -> None:
    assert key(text) == key(written) != ""


@filtered_request
class Request(FilteredRequest):
    """A request."""

    query: str


@filtered_arguments
class Arguments(BaseModel):
    """Arguments of a tool."""

    query: str


def test_every_filter_has_its_case() -> None:
    assert set(CASES) == set(FILTERS), "add a case to CASES for every filter: what it lets through and what it does not"


@pytest.mark.integration
@pytest.mark.parametrize("vector_first", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_a_filter_narrows_every_kind_of_search(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector, name: str, vector_first: bool
) -> None:
    case = CASES[name]
    for item_id, attributes in (("matching", case.matching), ("other", case.other)):
        item = make_item(item_id, "a cat", **attributes)
        steps: list[Callable[[], object]] = [
            partial(project_analysis, conn, "alice", item),
            partial(embed, conn, item_id, make_vector),
        ]
        if case.fold:
            steps.append(partial(case.fold, conn, item_id))
        for step in reversed(steps) if vector_first else steps:
            with conn.transaction():
                step()
    maintain_vector_indexes(conn, exact_limit=1)
    # An index that is filtered afterwards may lose what is rare: even a large tenant is compared exactly.
    for mode, ranking in product(SearchMode, (Ranking(), Ranking(exact_limit=1))):
        query = SearchQuery("alice", "cat", mode, vector=make_vector(1), model="model")
        assert {hit.item_id for hit in search(conn, query, ranking)} == {"matching", "other"}
        narrowed = replace(query, filters=Filters.of({name: case.value}))
        assert [hit.item_id for hit in search(conn, narrowed, ranking)] == ["matching"]


def embed(conn: Connection[Any], item_id: str, make_vector: MakeVector) -> None:
    when = datetime(2026, 2, 1, tzinfo=UTC)
    project_vector(conn, "alice", item_id, vector=make_vector(1), model="model", analysis_version=1, embedded_at=when)


@pytest.mark.integration
@pytest.mark.parametrize("column", COLUMNS)
def test_vectors_repeat_the_columns_of_filters(conn: Connection[Any], column: str) -> None:
    query = """
        SELECT table_name, data_type FROM information_schema.columns
         WHERE table_schema = current_schema() AND column_name = %s AND table_name IN ('documents', 'vectors')
    """
    types = dict(conn.execute(query, (column,)).fetchall())
    assert set(types) == {"documents", "vectors"}, f"a migration has to add {column} to both tables"
    assert types["documents"] == types["vectors"]


@pytest.mark.parametrize("name", FILTERS)
def test_requests_and_tools_take_every_filter_with_its_limits(name: str) -> None:
    parameter = FILTERS[name].parameter or name
    described, argument = Request.model_json_schema()["properties"][parameter], Arguments.model_json_schema()
    assert described["description"] == FILTERS[name].description
    assert argument["properties"][name] | {"title": ""} == described | {"title": ""}
    assert argument["required"] == ["query"]
    value = CASES[name].value
    assert Request.model_validate({"query": "cat", parameter: value}).filters == Filters.of({name: value})
    assert Request.model_validate({"query": "cat"}).filters == Filters()
    if parameter != name:
        assert Request.model_validate({"query": "cat", name: value}).filters == Filters()


def test_a_category_has_at_most_200_characters() -> None:
    with pytest.raises(ValidationError, match="category_filter"):
        Request.model_validate({"query": "cat", "category_filter": "x" * 201})
    assert Request.model_validate({"query": "cat", "category_filter": "x" * 200}).filters.category == "x" * 200


def test_an_empty_category_does_not_narrow() -> None:
    request = Request.model_validate({"query": "cat", "category_filter": ""})
    assert request.filters.given() == {}
    assert request.filters.before(Filters(category="receipt")) == Filters(category="receipt")


def test_the_first_filters_take_precedence() -> None:
    receipts, photos = Filters(category="receipt"), Filters(category="photo")
    assert receipts.before(photos) == receipts
    assert Filters().before(photos) == photos
    assert photos.before(Filters()) == photos
    assert Filters().given() == {}
    assert photos.given() == {"category": "photo"}


@pytest.mark.integration
def test_of_two_versions_the_earlier_says_when_an_item_was_added(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector
) -> None:
    for version in (2, 1):
        with conn.transaction():
            project_analysis(conn, "alice", make_item("item", "a cat", version=version))
        if version == 2:
            with conn.transaction():
                embed(conn, "item", make_vector)
    query = "SELECT added_at FROM documents UNION ALL SELECT added_at FROM vectors"
    assert conn.execute(query).fetchall() == [(START + timedelta(minutes=1),)] * 2


@pytest.mark.parametrize(
    ("field_name", "text", "values"),
    [
        ("place", "Kyoto", (("place", "Kyoto"),)),
        ("place", "???", None),
        ("type", "png", (("media_type", "png"),)),
        ("has_text", "Yes", (("has_text", True),)),
        ("has_text", "false", (("has_text", False),)),
        ("has_text", "perhaps", None),
        ("added_from", "2026-03-01", (("added_from", datetime(2026, 3, 1, tzinfo=UTC)),)),
        ("added_from", "2026-03-01T02:00:00+02:00", (("added_from", datetime(2026, 3, 1, tzinfo=UTC)),)),
        ("added_before", "soon", None),
        ("added", "2026", span("2026-01-01", "2027-01-01")),
        ("added", "2026-12", span("2026-12-01", "2027-01-01")),
        ("added", "2024-02-29", span("2024-02-29", "2024-03-01")),
        ("added", "2026-13", None),
        ("added", "2026-02-30", None),
        ("added", "0000", None),
        ("added", "9999", None),
        ("added", "9999-12-31", None),
        ("added", "yesterday", None),
        ("taken", "2026-03", (("taken_from", DAY), ("taken_before", datetime(2026, 4, 1)))),
        ("taken", "once", None),
        ("taken_from", "2026-03-01T00:00:00+09:00", (("taken_from", DAY),)),
        ("taken_before", "soon", None),
        ("orientation", "Portrait", (("orientation", "portrait"),)),
        ("orientation", "upside", None),
        ("width_from", "1920", (("width_from", 1920),)),
        ("height_from", "0", None),
        ("height_from", "100001", None),
        ("width_from", "-5", None),
    ],
)
def test_what_a_field_of_a_query_narrows_by(field_name: str, text: str, values: object) -> None:
    assert FIELDS[field_name](text) == values


def test_a_time_without_offset_is_in_utc() -> None:
    filters = Request.model_validate({"query": "cat", "added_from": "2026-03-01"}).filters
    assert parameters(conditions(filters)) == {"filter_0_0": datetime(2026, 3, 1, tzinfo=UTC)}


@pytest.mark.parametrize(("name", "expected"), [("a.JPG", "jpeg"), ("image/tif", "tiff"), ("png", "png"), ("", "")])
def test_a_media_type_has_one_name(name: str, expected: str) -> None:
    assert media_type_key(name) == expected
