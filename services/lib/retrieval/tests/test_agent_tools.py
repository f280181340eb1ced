"""What agents list, count and read: a tenant's own items alone."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from retrieval import AnalyzedItem, Filters, project_analysis
from retrieval.agent_tools import LISTED, READ_CHARACTERS, count_items, list_items, overview, read_item

pytestmark = pytest.mark.integration

MakeItem = Callable[..., AnalyzedItem]
MARCH = Filters(category="Receipt", added_from=datetime(2026, 3, 1, tzinfo=UTC), added_before=datetime(2026, 4, 1))


def places(*names: str) -> dict[str, Any]:
    return {"media_metadata": {"location_tags": list(names)}}


@pytest.fixture
def items(conn: Connection[Any], make_item: MakeItem) -> Connection[Any]:
    """Alice's receipts of three months, a long text, and an item of Bob's with the id of one of hers."""
    first = datetime(2026, 2, 20, tzinfo=UTC)
    hers = [
        make_item("a", category="Receipt", headline="Taxi", **places("Lisbon")),
        make_item("b", category="Receipt", headline="Lunch", **places("Porto")),
        make_item("c", category="Receipt", headline="Hotel", **places("Lisbon")),
        make_item("d", "x" * READ_CHARACTERS + "the end", category="Letter", headline="Letter"),
    ]
    for number, item in enumerate(hers):
        with conn.transaction():
            project_analysis(conn, "alice", replace(item, analyzed_at=first + timedelta(days=14 * number)))
    with conn.transaction():
        project_analysis(conn, "bob", make_item("b", category="Secret", headline="Bob's"))
    return conn


def ids(document: str) -> list[str]:
    return [entry["item_id"] for entry in json.loads(document)["results"]]


def test_how_many_receipts_in_march(items: Connection[Any]) -> None:
    assert json.loads(count_items(items, "alice", MARCH).document) == {"total": 2}
    by = json.loads(count_items(items, "alice", Filters(), by="category").document)
    assert by == {"total": 4, "category": {"receipt": 3, "letter": 1}}


def test_the_newest_the_oldest_and_not_from_lisbon(items: Connection[Any]) -> None:
    newest = list_items(items, "alice", Filters())
    assert (ids(newest.document), newest.total) == (["d", "c", "b", "a"], 4)
    assert [hit.item_id for hit in newest.hits] == ["d", "c", "b", "a"]
    assert json.loads(newest.document)["results"][3] == {
        "item_id": "a",
        "headline": "Taxi",
        "category": "Receipt",
        "places": ["Lisbon"],
        "added": "2026-02-20T00:00Z",
    }
    assert ids(list_items(items, "alice", Filters(category="receipt"), sort="oldest").document) == ["a", "b", "c"]
    without = list_items(items, "alice", Filters(category="receipt"), query="-place:Lisbon")
    assert (ids(without.document), without.total) == (["b"], 1)
    assert ids(list_items(items, "alice", Filters(), query="taxi lunch").document) == ["b", "a"]
    assert ids(list_items(items, "alice", Filters(), query="???").document) == []


def test_a_list_goes_on_page_by_page(conn: Connection[Any], make_item: MakeItem) -> None:
    for number in range(LISTED + 1):
        with conn.transaction():
            project_analysis(conn, "alice", make_item(f"{number:02}", "x", version=number + 1))
    pages = [list_items(conn, "alice", Filters(), page=page) for page in (1, 2, 3)]
    assert [len(page.hits) for page in pages] == [LISTED, 1, 0]
    assert ids(pages[1].document) == ["00"]
    assert [json.loads(page.document)["pages"] for page in pages] == [2, 2, 2]
    assert json.loads(list_items(conn, "nobody", Filters()).document)["pages"] == 1


def test_an_item_is_read_page_by_page_by_its_owner_alone(items: Connection[Any]) -> None:
    (first,), (second,) = (
        json.loads(read_item(items, "alice", item_id="d", page=page).document)["results"] for page in (1, 2)
    )
    assert (first["headline"], first["pages"], len(first["text"])) == ("Letter", 2, READ_CHARACTERS)
    assert second["text"].endswith("the end\nLetter")
    read = read_item(items, "alice", item_id="b")
    assert ([hit.headline for hit in read.hits], "Bob" in read.document) == (["Lunch"], False)
    missing = read_item(items, "bob", item_id="a")
    assert (missing.hits, missing.total) == ((), 0)
    assert json.loads(missing.document) == {"results": [], "error": "the collection has no such item"}


def test_an_agent_is_told_what_the_collection_holds(items: Connection[Any]) -> None:
    told = overview(items, "alice", datetime(2026, 3, 31, tzinfo=UTC))
    assert told.startswith("Today is 2026-03-31 (UTC). The collection has 4 items;")
    assert told.endswith('{"receipt": 3, "letter": 1}')
    assert overview(items, "carol").endswith("{}")
