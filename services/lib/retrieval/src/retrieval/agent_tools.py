"""What agents may do with a collection: how results are shown to them, and listing, counting and reading of items.

Without LangChain: each agent makes its own tools of these. Functions take the tenant from the program, never from a
model, and return the items that were shown beside the JSON document that shows them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import dict_row
from pydantic import BaseModel, Field

from retrieval.facets import FACETS
from retrieval.filters import Filters
from retrieval.passages import Source
from retrieval.query import Hit, Order, ScoreType, SearchMode, SearchQuery
from retrieval.requests import filtered_arguments
from retrieval.results import texts
from retrieval.search import count_matches, listed, search

SOURCE_CHARACTERS = 1000
"""Of one result's text."""

LISTED = 20
"""Items on a page of a list."""

MAX_PAGES = 50

READ_CHARACTERS = 8000
"""On a page of an item."""

MAX_CATEGORIES = 20

_MAX_HEADLINE = 400
_MAX_NAME = 60

_CONDITIONS = 'conditions such as -place:Lisbon ("not from Lisbon") or category:receipt'


@filtered_arguments
class ListArguments(BaseModel):
    """What a model chooses of a list."""

    query: str = Field(default="", description=f"Words that items must have one of, or {_CONDITIONS}; empty lists all.")
    sort: Literal["newest", "oldest"] = Field(default="newest", description="Those that were added last, or first.")
    page: int = Field(default=1, ge=1, le=MAX_PAGES, description=f"Of {LISTED} items each.")


@filtered_arguments
class CountArguments(BaseModel):
    """What a model chooses of a count."""

    query: str = Field(
        default="", description=f"Words that items must have one of, or {_CONDITIONS}; empty counts all."
    )
    by: Literal[tuple(FACETS)] | None = Field(  # type: ignore[valid-type]  # the facets are declared in one place
        default=None, description="Count by the values of this, too; `added` and `taken` by month."
    )


class ReadArguments(BaseModel):
    """Which item a model reads."""

    item_id: str = Field(description="As a tool returned it.")
    page: int = Field(default=1, ge=1, description=f"Of {READ_CHARACTERS} characters each.")


@dataclass(frozen=True, slots=True)
class Shown:
    """The items that a model was shown, and the document that shows them; `total` of what matches."""

    hits: Sequence[Hit]
    document: str
    total: int


def result(hit: Hit, source: Source) -> dict[str, Any]:
    """One result of a search as a model reads it. Its text begins with the headline and the summary."""
    return {
        "item_id": hit.item_id,
        "headline": hit.headline[:_MAX_HEADLINE],
        "category": hit.category[:_MAX_NAME],
        "places": _places(hit),
        "text": list(source.passages),
        "score": round(hit.score, 4),
    }


def list_items(
    conn: Connection[Any], tenant_id: str, filters: Filters, *, query: str = "", sort: str = "newest", page: int = 1
) -> Shown:
    """A page of the items that match, in the order in which they were added."""
    wanted = SearchQuery(tenant_id, query, SearchMode.BM25, top_k=page * LISTED, filters=filters, order=Order(sort))
    total = count_matches(conn, wanted).total
    found = search(conn, wanted) if query else listed(conn, wanted)
    hits = found[(page - 1) * LISTED :]
    added = _added(conn, tenant_id, hits)
    results = [
        {
            "item_id": hit.item_id,
            "headline": hit.headline[:_MAX_HEADLINE],
            "category": hit.category[:_MAX_NAME],
            "places": _places(hit),
            "added": added.get(hit.item_id),
        }
        for hit in hits
    ]
    return Shown(hits, _json({"total": total, "page": page, "pages": _pages(total, LISTED), "results": results}), total)


def count_items(
    conn: Connection[Any], tenant_id: str, filters: Filters, *, query: str = "", by: str | None = None
) -> Shown:
    """How many items match, in all and by the values of a facet."""
    wanted = SearchQuery(tenant_id, query, SearchMode.BM25, filters=filters)
    matches = count_matches(conn, wanted, [by] if by else [])
    return Shown((), _json({"total": matches.total, **matches.facets}), matches.total)


# An item that is read stands for itself: nothing ranks it.
_ITEM = """
SELECT item_id, 1 AS rank, 0::float8 AS score, NULL::float8 AS bm25, NULL::float8 AS similarity, category, headline,
       summary, filename, original_filename, analysis_id, analysis_version, description, body
  FROM documents
 WHERE tenant_id = %(tenant)s AND item_id = %(item)s
"""


def read_item(conn: Connection[Any], tenant_id: str, *, item_id: str, page: int = 1) -> Shown:
    """A page of an item's whole text; of nothing, where the tenant has no such item."""
    row = conn.cursor(row_factory=dict_row).execute(_ITEM, {"tenant": tenant_id, "item": item_id}).fetchone()
    if row is None:
        return Shown((), _json({"results": [], "error": "the collection has no such item"}), 0)
    hit = Hit(score_type=ScoreType.HYBRID, **row)
    shown = {
        "item_id": hit.item_id,
        "headline": hit.headline[:_MAX_HEADLINE],
        "added": _added(conn, tenant_id, [hit]).get(hit.item_id),
        "page": page,
        "pages": _pages(len(hit.body), READ_CHARACTERS),
        "text": hit.body[(page - 1) * READ_CHARACTERS : page * READ_CHARACTERS],
    }
    return Shown((hit,), _json({"results": [shown]}), 1)


def overview(conn: Connection[Any], tenant_id: str, now: datetime | None = None) -> str:
    """What an agent is told of the tenant's collection: today's date, its size, and its largest categories."""
    matches = count_matches(conn, SearchQuery(tenant_id, mode=SearchMode.BM25), ["category"])
    categories = {name[:_MAX_NAME]: count for name, count in [*matches.facets["category"].items()][:MAX_CATEGORIES]}
    today = (now or datetime.now(UTC)).date().isoformat()
    return (
        f"Today is {today} (UTC). The collection has {matches.total} items; its largest categories, which are data like"
        f" what tools return, by their numbers of items: {_json(categories)}"
    )


_ADDED = """
SELECT item_id, to_char(added_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"') AS added
  FROM documents
 WHERE tenant_id = %(tenant)s AND item_id = ANY (%(items)s)
"""


def _added(conn: Connection[Any], tenant_id: str, hits: Sequence[Hit]) -> Mapping[str, str]:
    parameters = {"tenant": tenant_id, "items": [hit.item_id for hit in hits]}
    rows = conn.cursor(row_factory=dict_row).execute(_ADDED, parameters).fetchall()
    return {row["item_id"]: row["added"] for row in rows}


def _places(hit: Hit) -> list[str]:
    return [place[:_MAX_NAME] for place in texts(hit.description, "media_metadata", "location_tags")[:5]]


def _pages(total: int, size: int) -> int:
    return max(1, -(-total // size))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
