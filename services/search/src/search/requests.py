"""The request and response of `POST /search`."""

import unicodedata
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from retrieval.requests import FilteredRequest, filtered_request
from retrieval.results import SearchResult

# "No limit" on the scale of the predecessor, whose clients send it with every search.
_OLD_NO_LIMIT = -1.0


class SearchType(StrEnum):
    """How to search."""

    BM25 = "bm25"
    VECTOR = "vector"
    HYBRID = "hybrid"
    AGENTIC = "agentic"


def _composed(text: object) -> object:
    """In NFC: what looks the same is the same question, to embedding models too."""
    return unicodedata.normalize("NFC", text) if isinstance(text, str) else text


@filtered_request
class SearchRequest(FilteredRequest):
    """A question about the caller's collection.

    `min_relevance_score` applies to `bm25` searches, `min_similarity_score` wherever vectors are compared.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    query: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=3, max_length=2000),
        BeforeValidator(_composed),
    ]
    search_type: SearchType = SearchType.HYBRID
    top_k: int = Field(default=10, ge=1, le=50)
    min_relevance_score: float = Field(
        default=0.0,
        allow_inf_nan=False,
        description="Keyword results that score above it are dropped: BM25 scores are negative, more negative is better"
        ". 0 keeps every match, and so does -1, which older clients send to keep every match.",
    )
    min_similarity_score: float = Field(default=0.0, ge=0, le=1)
    include_answer: bool = True
    answer_model: Annotated[str, StringConstraints(max_length=100)] | None = None

    @property
    def max_bm25_score(self) -> float:
        """The score above which keyword results are dropped; all are below 0."""
        return 0.0 if self.min_relevance_score == _OLD_NO_LIMIT else self.min_relevance_score


class SearchResponse(BaseModel):
    """What was found, and an answer made of it. `answer_error` says why an answer that was wanted is missing."""

    query: str
    search_type: SearchType
    results: list[SearchResult]
    total_results: int
    answer: str | None = None
    answer_confidence: float | None = None
    citations: list[str] | None = None
    answer_error: str | None = None
    retrieval_time_ms: float
    answer_time_ms: float | None = None
    agent_reasoning: list[str] | None = None
    tools_used: list[dict[str, Any]] | None = None


class SearchConfig(BaseModel):
    """The retrieval as it runs."""

    algorithm: str
    embedding_model: str
    dimensions: int
    rrf_constant: int
    weights: dict[str, float]
    fetch_multiplier: int
    search_types: list[SearchType]
    answer_model: str
    agent_model: str
