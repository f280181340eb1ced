"""How search would rank descriptions that are not in its read model: the candidates of a reprocessing, say.

They are folded into temporary tables with the names of the read model's, which nobody else sees and which are gone
with the transaction. Ranked is by keywords alone: vectors of descriptions that are not live would have to be paid for.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chassis import folding
from chassis.database import Connection
from retrieval import AnalyzedItem, Ranking, SearchMode, SearchQuery, project_analysis, search

#: Stands for the tenant of what is ranked: the documents of a sample are one collection.
_SAMPLE = "sample"
_MOST = 1000


def rankings(
    connection: Connection,
    schema: str,
    ranking: Ranking,
    documents: Sequence[Mapping[str, Any]],
    queries: Sequence[str],
    *,
    depth: int,
) -> dict[str, list[str]]:
    """The items found for each query among these documents (`item_id` and `description` of each), best first.

    In the caller's transaction, in which the read model is out of sight from then on.

    Raises:
        ValueError: there are more than a thousand documents or queries.
    """
    if max(len(documents), len(queries)) > _MOST:
        raise ValueError(f"at most {_MOST} documents and queries")
    folding.temporary_tables(connection, schema)
    now = datetime.now(UTC)
    for document in documents:
        item = AnalyzedItem(document["item_id"], 1, document["item_id"], now, "", "", document["description"])
        project_analysis(connection, _SAMPLE, item)
    return {
        text: [
            hit.item_id for hit in search(connection, SearchQuery(_SAMPLE, text, SearchMode.BM25, top_k=depth), ranking)
        ]
        for text in queries
    }
