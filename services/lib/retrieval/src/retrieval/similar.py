"""Items that mean much the same as one of the tenant's: those whose vectors are the nearest to its own."""

from typing import Any

from pgvector import HalfVector
from psycopg import Connection
from psycopg.rows import tuple_row

from retrieval.errors import ItemNotFoundError, NotEmbeddedError
from retrieval.filters import NO_FILTERS, Filters
from retrieval.query import DEFAULT_RANKING, Hit, Ranking, SearchMode, SearchQuery
from retrieval.search import search

_ITEM = """
SELECT d.item_id IS NOT NULL, v.model, v.embedding::text
  FROM (SELECT %(tenant)s::text AS tenant_id, %(item)s::text AS item_id) AS asked
  LEFT JOIN documents d USING (tenant_id, item_id)
  LEFT JOIN vectors v USING (tenant_id, item_id)
"""


def similar(
    conn: Connection[Any],
    tenant_id: str,
    item_id: str,
    *,
    top_k: int = 10,
    filters: Filters = NO_FILTERS,
    ranking: Ranking = DEFAULT_RANKING,
) -> list[Hit]:
    """The nearest of the tenant's other items with vectors of the same model, the nearest first; scores are cosines.

    Raises:
        ItemNotFoundError: the tenant has no such item.
        NotEmbeddedError: its description or its vector has not arrived yet.
        InvalidQueryError: no tenant, or top_k outside 1..1,000.
    """
    row = conn.cursor(row_factory=tuple_row).execute(_ITEM, {"tenant": tenant_id, "item": item_id}).fetchone()
    is_described, model, embedding = row or (False, None, None)
    if not is_described and embedding is None:
        raise ItemNotFoundError(item_id)
    if not is_described or embedding is None:
        raise NotEmbeddedError(item_id)
    query = SearchQuery(
        tenant_id,
        mode=SearchMode.VECTOR,
        vector=HalfVector.from_text(embedding).to_list(),
        model=model,
        top_k=top_k,
        filters=filters,
        min_similarity=-1,
        without=(item_id,),
        with_passages=False,
    )
    return search(conn, query, ranking)
