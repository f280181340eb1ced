"""Loads the golden set into a read model and asks its queries in this process, as the search service does."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection

from benchmarks.golden.making import Item
from benchmarks.golden.places import ITEMS, QUERIES
from contracts.analysis import Description
from embedding.text import compose, passages, read_text
from mesh.evaluate.scoring import Outcome, Query, QuerySet, Report, score
from provider_emulator.text_embedding import MiniLmEmbedder
from retrieval import (
    DIMENSIONS,
    AnalyzedItem,
    PassageVector,
    SearchMode,
    SearchQuery,
    project_analysis,
    project_vector,
    search,
)
from retrieval.confidence import Thresholds, best_is_confident
from retrieval.filters import FILTERS, Filters
from retrieval.query import DEFAULT_RANKING, Hit, Ranking
from retrieval.query_language import parse_query

K = 10
TENANT = "0f1e2d3c-0000-4000-8000-00000000901d"
MODEL = "voyage-3.5-lite"
"""The name under which the AI provider emulator's embedder answers."""
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Found:
    """A query and its hits."""

    query: Query
    hits: Sequence[Hit]
    latency_ms: float


def items() -> list[Item]:
    """The committed items."""
    known = json.loads(ITEMS.read_text(encoding="utf-8"))
    return [Item(**entry | {"description": Description.model_validate(entry["description"])}) for entry in known]


def queries() -> QuerySet:
    """The committed queries."""
    return QuerySet.model_validate_json(QUERIES.read_text(encoding="utf-8"))


class Collection:
    """The golden items in an empty read model, whose schema comes first on the connection's search_path.

    Every text is embedded once: about 10 s in all.
    """

    def __init__(self, conn: Connection[Any], made: Sequence[Item]) -> None:
        self._conn = conn
        self._embedder = MiniLmEmbedder()
        self._names: dict[str, str] = {}
        self.add(made)

    def add(self, made: Sequence[Item]) -> None:
        """These items, too, added after the others."""
        for place, item in enumerate(made, len(self._names)):
            self._load(item, _START + timedelta(hours=7 * place))
        self._names |= {item.item_id: item.original_filename for item in made}
        self._conn.execute("ANALYZE")

    def _load(self, item: Item, at: datetime) -> None:
        described = AnalyzedItem(
            item.item_id,
            1,
            item.item_id,
            at,
            item.filename,
            item.original_filename,
            item.description.model_dump(mode="json"),
        )
        vector = self._embed(compose(item.description))
        parts = [
            PassageVector(part.start, part.end, self._embed(part.text))
            for part in passages(read_text(item.description), DIMENSIONS)
        ]
        with self._conn.transaction():
            project_analysis(self._conn, TENANT, described)
        with self._conn.transaction():
            project_vector(
                self._conn,
                TENANT,
                item.item_id,
                vector=vector,
                model=MODEL,
                analysis_version=1,
                embedded_at=at,
                passages=parts,
            )

    def ask(
        self,
        asked: Sequence[Query],
        mode: SearchMode = SearchMode.HYBRID,
        ranking: Ranking = DEFAULT_RANKING,
        *,
        top_k: int = K,
        with_passages: bool = True,
    ) -> list[Found]:
        """The best for each query. Latencies are without embedding."""
        return [self._ask(query, mode, ranking, top_k, with_passages=with_passages) for query in asked]

    def name(self, hit: Hit) -> str:
        """The name of its file, which no other has."""
        return self._names[hit.item_id]

    def report(self, name: str, found: Sequence[Found], thresholds: Thresholds) -> Report:
        """The metrics of `mesh evaluate` for these answers."""
        outcomes = {
            each.query.id: Outcome(
                found=[self.name(hit) for hit in each.hits],
                confident=best_is_confident(each.hits, thresholds, MODEL),
                latency_ms=each.latency_ms,
            )
            for each in found
        }
        asked = QuerySet(name=name, queries=[each.query for each in found])
        return score(asked, outcomes, K, {"thresholds": [thresholds.keyword_share, dict(thresholds.similarity)]})

    def _ask(self, query: Query, mode: SearchMode, ranking: Ranking, top_k: int, *, with_passages: bool) -> Found:
        parsed = parse_query(query.text)
        wanted = SearchQuery(
            TENANT, query.text, mode, top_k=top_k, filters=_filters(query.options), with_passages=with_passages
        )
        if mode is not SearchMode.BM25 and parsed.has_words:
            wanted = replace(wanted, vector=self._embed(parsed.words), model=MODEL)
        started = time.perf_counter()
        hits = search(self._conn, wanted, ranking) if parsed.asks else []
        return Found(query, hits, (time.perf_counter() - started) * 1000)

    def _embed(self, text: str) -> list[float]:
        vector: list[float] = self._embedder.embed([text])[0].tolist()
        return vector


def _filters(options: Mapping[str, Any]) -> Filters:
    names = {entry.parameter or name: name for name, entry in FILTERS.items()}
    return Filters.of({names[option]: value for option, value in options.items()})
