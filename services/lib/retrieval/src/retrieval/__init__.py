"""A tenant's collection as a searchable read model: projection of events, and BM25, vector and hybrid search.

Works on a psycopg connection whose search_path is the schema that holds `migrations/*.sql`. Not imported here, because
of what they import: `retrieval.projections` (the chassis and the contracts), `retrieval.requests` and
`retrieval.results` (pydantic), `retrieval.langchain`.
"""

from retrieval.documents import AnalyzedItem
from retrieval.embeddings import DEFAULT_MODEL, EmbedderConfig, QueryEmbedder
from retrieval.errors import (
    EmbeddingError,
    EmbeddingRateLimitedError,
    EmbeddingRejectedError,
    EmbeddingUnavailableError,
    InvalidQueryError,
    InvalidVectorError,
    ItemNotFoundError,
    NotEmbeddedError,
    RerankerUnavailableError,
    RetrievalError,
    TransactionRequiredError,
)
from retrieval.facets import FACETS, Matches
from retrieval.filters import NO_FILTERS, Filters
from retrieval.maintenance import maintain_vector_indexes
from retrieval.pictures import Picture
from retrieval.query import (
    DEFAULT_RANKING,
    After,
    CollectionStats,
    Fusion,
    Hit,
    Order,
    Ranking,
    ScoreType,
    SearchMode,
    SearchQuery,
)
from retrieval.query_language import ParsedQuery, parse_query
from retrieval.read_model import Outcome, project_analysis, project_deletion, project_picture, project_vector
from retrieval.search import collection_stats, count_matches, search, search_and_count, vector_model
from retrieval.similar import similar
from retrieval.vectors import DIMENSIONS, PassageVector

__all__ = [
    "DEFAULT_MODEL",
    "DEFAULT_RANKING",
    "DIMENSIONS",
    "FACETS",
    "NO_FILTERS",
    "After",
    "AnalyzedItem",
    "CollectionStats",
    "EmbedderConfig",
    "EmbeddingError",
    "EmbeddingRateLimitedError",
    "EmbeddingRejectedError",
    "EmbeddingUnavailableError",
    "Filters",
    "Fusion",
    "Hit",
    "InvalidQueryError",
    "InvalidVectorError",
    "ItemNotFoundError",
    "Matches",
    "NotEmbeddedError",
    "Order",
    "Outcome",
    "ParsedQuery",
    "PassageVector",
    "Picture",
    "QueryEmbedder",
    "Ranking",
    "RerankerUnavailableError",
    "RetrievalError",
    "ScoreType",
    "SearchMode",
    "SearchQuery",
    "TransactionRequiredError",
    "collection_stats",
    "count_matches",
    "maintain_vector_indexes",
    "parse_query",
    "project_analysis",
    "project_deletion",
    "project_picture",
    "project_vector",
    "search",
    "search_and_count",
    "similar",
    "vector_model",
]
