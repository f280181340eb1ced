"""Searches that readers may make, drawn from the documents themselves: for comparing two read models."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pgvector import HalfVector
from psycopg import Connection

from retrieval.query import DEFAULT_RANKING, Hit, SearchMode, SearchQuery
from retrieval.search import search

_WORDS = 3
#: What large tenants' indexes find depends on how they were built: both read models compare every vector.
_EXACT = replace(DEFAULT_RANKING, exact_limit=2**31)


def questions(
    conn: Connection[dict[str, Any]], number: int, tenants: Sequence[str] = ()
) -> list[Callable[[Connection[dict[str, Any]]], list[Hit]]]:
    """So many searches at the most, of every mode in turn: some words of a document, its vector, both."""
    rows = conn.execute(
        """
        SELECT tenant_id, body, model, embedding::text AS embedding FROM (
            SELECT tenant_id, item_id FROM documents
            WHERE cardinality(%(tenants)s::text[]) = 0 OR tenant_id = ANY(%(tenants)s)
            ORDER BY random() LIMIT %(number)s
        ) AS drawn JOIN documents USING (tenant_id, item_id) LEFT JOIN vectors USING (tenant_id, item_id)
        """,
        {"tenants": list(tenants), "number": number},
    ).fetchall()
    modes = [mode for mode in SearchMode for _ in range(-(-len(rows) // len(SearchMode)))]
    return [partial(search, query=_query(row, mode), ranking=_EXACT) for row, mode in zip(rows, modes, strict=False)]


def _query(row: dict[str, Any], mode: SearchMode) -> SearchQuery:
    words = row["body"].split()
    text = " ".join(random.sample(words, min(_WORDS, len(words))))
    if mode is SearchMode.BM25 or row["embedding"] is None:
        return SearchQuery(row["tenant_id"], text, SearchMode.BM25)
    vector = HalfVector.from_text(row["embedding"]).to_list()
    return SearchQuery(row["tenant_id"], text if mode is SearchMode.HYBRID else "", mode, vector, row["model"])
