"""Searches that readers may make, drawn from the documents themselves: for comparing two read models."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pgvector import HalfVector
from psycopg import Connection

from retrieval.query import DEFAULT_RANKING, SearchMode, SearchQuery
from retrieval.search import search

Found = tuple[str, float]
"""An item, and its score."""

_WORDS = 3
#: What large tenants' indexes find depends on how they were built: both read models compare every vector.
_EXACT = replace(DEFAULT_RANKING, exact_limit=2**31)


def questions(
    conn: Connection[dict[str, Any]], number: int, tenants: Sequence[str] = ()
) -> list[Callable[[Connection[dict[str, Any]]], list[Found]]]:
    """So many searches at the most, of every mode in turn: some words of a document, its vector, both.

    Their answers are the items that are found, in their order, with their scores: what is told of each is compared as
    rows of tables, and a new column makes no other answer.
    """
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
    return [partial(_found, query=_query(row, mode)) for row, mode in zip(rows, modes, strict=False)]


def _found(conn: Connection[dict[str, Any]], query: SearchQuery) -> list[Found]:
    return [(hit.item_id, hit.score) for hit in search(conn, query, _EXACT)]


def _query(row: dict[str, Any], mode: SearchMode) -> SearchQuery:
    words = row["body"].split()
    text = " ".join(random.sample(words, min(_WORDS, len(words))))
    if mode is SearchMode.BM25 or row["embedding"] is None:
        return SearchQuery(row["tenant_id"], text, SearchMode.BM25)
    vector = HalfVector.from_text(row["embedding"]).to_list()
    return SearchQuery(row["tenant_id"], text if mode is SearchMode.HYBRID else "", mode, vector, row["model"])
