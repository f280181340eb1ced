"""Queries on a tenant's collection, ranking constants, and hits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from retrieval.filters import NO_FILTERS, Filters


class SearchMode(StrEnum):
    """Keyword, vector or hybrid search."""

    BM25 = "bm25"
    VECTOR = "vector"
    HYBRID = "hybrid"


class ScoreType(StrEnum):
    """What a hit's score means.

    BM25 is negative, more negative is better, on the scale of SQLite's FTS5. Similarity is a cosine, at most 1.
    Hybrid is a weighted mean of how far the words match, 0 to 1, and the cosine: at most 1; or, with `Fusion.RRF`, a
    sum of weighted reciprocal ranks, which orders hits and does not measure their quality. Clients know it by the name
    that it had when there were only the latter.
    """

    BM25 = "bm25"
    SIMILARITY = "similarity"
    HYBRID = "hybrid_rrf"


class Fusion(StrEnum):
    """How a hybrid search puts its two legs together."""

    SCORES = "scores"
    """A weighted mean of BM25 over its bound (the sum of the query's idf) and the cosine; how much the words weigh
    depends on the query (`Ranking.coverage_power`)."""
    RRF = "rrf"
    """Reciprocal ranks, as the predecessor did it: the order of the first results may depend on top_k."""


class Order(StrEnum):
    """In which order hits are returned, and which of all that match."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    """Of all that match, those that were added last; what matches is said in `retrieval.facets`."""
    OLDEST = "oldest"
    TAKEN_NEWEST = "taken_newest"
    """Those that were taken last, by their cameras' clocks; after them what has no such time."""
    TAKEN_OLDEST = "taken_oldest"


@dataclass(frozen=True, slots=True)
class Ranking:
    """The constants of the ranking; clients rely on the defaults."""

    k1: float = 1.2
    b: float = 0.75
    fusion: Fusion = Fusion.SCORES
    bm25_weight: float = 0.7
    """Of words that one item has all of."""
    vector_weight: float = 0.3
    """The rest, and what words weigh less."""
    coverage_power: float = 3
    """Words weigh `bm25_weight * c ** coverage_power`, where c, 0 to 1, is the greatest share of the query's idf that
    one item has: an estimate of how well they do, from the query and the collection alone (as in query performance
    prediction: Carmel and Yom-Tov, Estimating the Query Difficulty for Information Retrieval, 2010)."""
    exact_bonus: float = 0.2
    """Added to BM25's share where an item has all the query's words, each as it is written and in no other form."""
    window: int = 200
    """Candidates of each leg of a hybrid search: fixed, so that the first results do not depend on top_k."""
    rrf_constant: int = 15
    fetch_multiplier: int = 2
    """With RRF, each leg of a hybrid search fetches this many times top_k instead."""
    exact_limit: int = 4_000
    """Vectors of a tenant up to which every one is compared; above, its HNSW index is used if it has one."""
    ef_search: int = 100
    max_scan_tuples: int = 40_000


DEFAULT_RANKING = Ranking()


@dataclass(frozen=True, slots=True)
class After:
    """The last item of a page in the order of time, None where it has no such time; the next page begins after it."""

    time: datetime | None
    item_id: str


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One search in one tenant's collection.

    `text` may be any user input, in the query language of `retrieval.query_language`: without a word in it, or with
    stop words alone, nothing is found; where it is empty, the vector alone is asked for; where it excludes or narrows
    without words, what remains is listed, the latest first. `vector` (1,024 values, of input type query, of the parsed
    query's `words`) and `model` are needed by vector and hybrid searches that have words; only vectors of that model
    are compared. `max_bm25_score` drops what scores above it (scores are negative; 0 keeps every match),
    `min_similarity` what is less similar; in a hybrid search each applies to its own leg.

    Pages: what is ranked leaves out what was shown (`without`), so that scores may shift between pages; what is in the
    order of time begins `after` the last item, and where it is chosen by rank, among what was `added_before` the first
    page. `peek` gives one hit more than top_k, which tells that there are more.

    An item is as near as the nearest of its vectors; without `with_passages`, as its own, of all that it is about.
    """

    tenant_id: str
    text: str = ""
    mode: SearchMode = SearchMode.HYBRID
    vector: Sequence[float] | None = None
    model: str | None = None
    top_k: int = 10
    filters: Filters = NO_FILTERS
    max_bm25_score: float = 0.0
    min_similarity: float = 0.0
    order: Order = Order.RELEVANCE
    without: Sequence[str] = ()
    after: After | None = None
    added_before: datetime | None = None
    peek: bool = False
    with_passages: bool = True

    @property
    def wanted(self) -> int:
        """How many hits, with the one that is peeked at."""
        return self.top_k + self.peek


@dataclass(frozen=True, slots=True)
class Hit:
    """One item found, best first from rank 1; `bm25` and `similarity` are set if the item has them.

    With RRF they are set if that leg found the item.
    """

    item_id: str
    rank: int
    score: float
    score_type: ScoreType
    bm25: float | None
    similarity: float | None
    category: str
    headline: str
    summary: str
    filename: str
    original_filename: str
    analysis_id: str
    analysis_version: int
    description: Mapping[str, Any] = field(repr=False)
    body: str = field(repr=False)
    keyword_share: float | None = None
    """BM25 over its bound, 0 to 1: how far the words match. One that has every word once is near .45."""
    coverage: float | None = None
    """The share of the query's idf that the item's words have, 0 to 1: 1 where it has them all, however often."""
    query_coverage: float | None = None
    """That of the item which has the most: the same of all hits, also where that item is none of them."""
    added_at: datetime | None = None
    """When it was first described; None until its row is rebuilt."""
    taken_at: datetime | None = None
    """By the camera's clock, without a zone."""

    def place(self, order: Order) -> After:
        """Where the hit stands in an order of time."""
        is_taken = order in (Order.TAKEN_NEWEST, Order.TAKEN_OLDEST)
        return After(self.taken_at if is_taken else self.added_at, self.item_id)


@dataclass(frozen=True, slots=True)
class CollectionStats:
    """The searchable size of a tenant's collection; `models` counts vectors by their model."""

    documents: int
    vectors: int
    models: Mapping[str, int]
