"""The request and response of `POST /search`."""

import unicodedata
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from retrieval import FACETS, Fusion, Hit, Order
from retrieval.explanation import Explanation
from retrieval.requests import FilteredRequest, filtered_request
from retrieval.results import SearchResult, as_result
from search.cursors import MAX_CHARACTERS
from search.searching import Degraded

# "No limit" on the scale of the predecessor, whose clients send it with every search.
_OLD_NO_LIMIT = -1.0


class SearchType(StrEnum):
    """How to search."""

    BM25 = "bm25"
    VECTOR = "vector"
    HYBRID = "hybrid"
    AGENTIC = "agentic"


Facet = StrEnum("Facet", {name.upper(): name for name in FACETS})  # type: ignore[misc]


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
        StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
        BeforeValidator(_composed),
    ] = Field(
        description='Words or a question; "phrases", -exclusions and field:value narrow what is found.',
        examples=["ramen in Kyoto"],
    )
    search_type: SearchType = Field(default=SearchType.HYBRID, description="In which of these ways.")
    top_k: int = Field(default=10, ge=1, le=50, description="Items to find at most.")
    min_relevance_score: float = Field(
        default=0.0,
        allow_inf_nan=False,
        description="Keyword results that score above it are dropped: BM25 scores are negative, more negative is better"
        ". 0 keeps every match, and so does -1, which older clients send to keep every match.",
    )
    min_similarity_score: float = Field(
        default=0.0, ge=0, le=1, description="Items less similar to the query are not found by their vectors."
    )
    sort: Order = Field(
        default=Order.RELEVANCE,
        description="Which of all that match, and in which order: the best, those that were added last or first, or"
        " whose pictures were taken last or first. Not in agentic searches.",
    )
    facets: Annotated[list[Facet], Field(max_length=len(Facet))] | None = Field(
        default=None,
        description="Count all that match, by the values of these; an empty list counts them in all. Not in agentic"
        " searches.",
        examples=[["category", "place"]],
    )
    explain: bool = Field(default=False, description="Say of each result why it was found. Not in agentic searches.")
    confident_only: bool = Field(
        default=False,
        description="Leave out what is known not to be what was asked for: nothing is better than the least bad. Not in"
        " agentic searches.",
    )
    include_answer: bool = Field(default=True, description="Whether to answer the query from what was found.")
    answer_model: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        default=None,
        description="The model that answers, one that is offered; the configured one otherwise.",
        examples=["claude-haiku-4-5"],
    )

    cursor: Annotated[str, StringConstraints(max_length=MAX_CHARACTERS)] | None = Field(
        default=None,
        description="`next_cursor` of the page before, with the same query, filters and order. No answer is made of a"
        " next page. Not in agentic searches.",
        examples=["eNoljkEKgDAMBL8iOe"],
    )

    @model_validator(mode="after")
    def _agents_have_no_pages(self) -> Self:
        if self.cursor is not None and self.search_type is SearchType.AGENTIC:
            raise ValueError("an agentic search has one page: it takes no cursor")
        return self

    @property
    def max_bm25_score(self) -> float:
        """The score above which keyword results are dropped; all are below 0."""
        return 0.0 if self.min_relevance_score == _OLD_NO_LIMIT else self.min_relevance_score


class Piece(BaseModel):
    """A part of a highlight."""

    text: str = Field(description="As it stands in the field.", examples=["ramen"])
    matches: bool = Field(description="Whether it is one of the words of the query.", examples=[True])


class HighlightedField(BaseModel):
    """Where a field has words of the query."""

    field: str = Field(description="Of the description, or `original_filename`.", examples=["headline"])
    pieces: list[Piece] = Field(description="One after another they are a part of the field's text.")


class ResultExplanation(BaseModel):
    """Why an item was found."""

    model_config = ConfigDict(from_attributes=True)

    keyword_rank: int | None = Field(description="Among what was found by words; null where it was not.", examples=[1])
    vector_rank: int | None = Field(description="Among what was found by meaning.", examples=[3])
    keyword_share: float | None = Field(
        description="Of a hybrid search: what the words contribute to the score.", examples=[0.13]
    )
    vector_share: float | None = Field(
        description="Of a hybrid search: what the meaning contributes to the score.", examples=[0.5]
    )
    terms: list[str] = Field(description="Words of the query, as the item has them.", examples=[["Ramen"]])
    fields: list[str] = Field(description="In which they are.", examples=[["headline", "objects"]])


class FoundItem(SearchResult):
    """One item found, and why."""

    explanation: ResultExplanation | None = Field(default=None, description="Where `explain` asked for it.")
    highlights: list[HighlightedField] | None = Field(
        default=None, description="Where `explain` asked for them: at most five, in the order of the item's fields."
    )


def found_item(hit: Hit, why: Explanation | None = None, *, rank: int | None = None) -> FoundItem:
    """The hit as a result of this API."""
    result = dict(as_result(hit, rank))
    if why is None:
        return FoundItem(**result)
    highlights = [
        HighlightedField(field=part.field, pieces=[Piece(text=text, matches=matches) for text, matches in part.pieces])
        for part in why.highlights
    ]
    return FoundItem(**result, explanation=ResultExplanation.model_validate(why), highlights=highlights)


class FacetValue(BaseModel):
    """A value of a facet."""

    value: str = Field(description="In lower case, without accents.", examples=["kyoto"])
    count: int = Field(ge=1, description="How many matching items have it.", examples=[3])


class SearchResponse(BaseModel):
    """What was found, and an answer made of it."""

    query: str = Field(description="As it was understood.", examples=["ramen in Kyoto"])
    search_type: SearchType = Field(description="How it was searched.")
    results: list[FoundItem] = Field(description="The best first.")
    total_results: int = Field(ge=0, description="How many there are.", examples=[10])
    next_cursor: str | None = Field(
        default=None,
        description="Give it as `cursor` to get the next page; null on the last.",
        examples=["eNoljkEKgDAMBL8iOe"],
    )
    confident: bool | None = Field(
        default=None,
        description="Whether what was asked for is among the results; false where nothing is near it, null where that"
        " cannot be told.",
        examples=[True],
    )
    total_matches: int | None = Field(
        default=None,
        ge=0,
        description="How many items match, whatever `top_k`; null where `facets` was not asked for. Of a query without"
        " words, and of `bm25`, all; else those that were ranked, which is 200 at most by words and by meaning each.",
        examples=[42],
    )
    facets: dict[str, list[FacetValue]] | None = Field(
        default=None, description="By facet, its most frequent values among the items that match."
    )
    degraded: Degraded | None = Field(
        default=None,
        description="In which lesser way it was searched, because the wanted one is unavailable: by `keywords`, whose"
        " scores are of type `bm25`; or `not-reranked`, in the order of their scores. Null where it was searched as"
        " wanted.",
    )
    answer: str | None = Field(
        default=None, description="Null where none was wanted, or none could be made.", examples=["Two of them."]
    )
    answer_confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How far the answer can be trusted: how well the best of the cited items matches, times the share"
        " of its citations that the cited items support; less where the model states doubt. Null without an answer.",
        examples=[0.8],
    )
    citations: list[str] | None = Field(
        default=None, description="Ids of the items that the answer rests on, of those that support it."
    )
    answer_error: str | None = Field(
        default=None,
        description="Why an answer that was wanted is missing.",
        examples=["the language model is unavailable"],
    )
    answer_error_code: str | None = Field(
        default=None,
        description="The same as a code: `model-unavailable` (try again) or `model-rejected`, as in the problems of"
        " agentic searches and of chat.",
        examples=["model-unavailable"],
    )
    retrieval_time_ms: float = Field(ge=0, description="How long finding took.", examples=[41.5])
    answer_time_ms: float | None = Field(default=None, ge=0, description="How long answering took.", examples=[1250.0])
    agent_reasoning: list[str] | None = Field(default=None, description="Agentic: what the agent wrote on the way.")
    tools_used: list[dict[str, Any]] | None = Field(
        default=None, description="Agentic: each call of a tool, its name and arguments."
    )


class SimilarItems(BaseModel):
    """The items whose vectors are the nearest to an item's own."""

    item_id: str = Field(
        description="Of the item that they are like.",
        examples=["0b8f5f3c-7a55-4a53-9d57-9f4f3a1d3f10"],
        json_schema_extra={"format": "uuid"},
    )
    results: list[FoundItem] = Field(description="The nearest first; the item itself is not among them.")
    total_results: int = Field(ge=0, description="How many there are.", examples=[10])


_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@filtered_request
class PictureSearch(FilteredRequest):
    """A picture to find others like, by what it shows."""

    model_config = ConfigDict(allow_inf_nan=False)

    picture: Annotated[str, StringConstraints(min_length=4, max_length=5_000_000)] = Field(
        description="A PNG, JPEG, WebP or GIF in base64. It is shown to the vision model and not kept.",
        examples=[_PIXEL],
        json_schema_extra={"contentEncoding": "base64"},
    )
    top_k: int = Field(default=10, ge=1, le=50, description="Items to find at most.")
    min_similarity_score: float = Field(default=0.0, ge=0, le=1, description="Items less similar are not found.")


class PictureResults(BaseModel):
    """The items whose meaning is the nearest to what a picture shows."""

    description: str = Field(
        description="What the picture shows, as the vision model says.", examples=["A bowl of ramen."]
    )
    results: list[FoundItem] = Field(description="The nearest first.")
    total_results: int = Field(ge=0, description="How many there are.", examples=[10])
    retrieval_time_ms: float = Field(ge=0, description="How long looking and finding took.", examples=[1450.0])


class SearchConfig(BaseModel):
    """The retrieval as it runs."""

    algorithm: str = Field(
        description="How results of words and of meaning are put together.",
        examples=["weighted mean of BM25 over its bound and cosine similarity"],
    )
    fusion: Fusion = Field(description="The same, by its name in the settings.")
    embedding_model: str = Field(description="By which queries and items are compared.", examples=["voyage-3.5-lite"])
    dimensions: int = Field(ge=1, description="Numbers in a vector.", examples=[1024])
    rrf_constant: int = Field(ge=0, description="With `rrf`: added to each rank.", examples=[15])
    weights: dict[str, float] = Field(description="Of each way of searching.")
    fetch_multiplier: int = Field(ge=1, description="With `rrf`: each way finds `top_k` times this.", examples=[2])
    candidate_window: int = Field(
        ge=1, description="With `scores`: so many each way finds, whatever `top_k`.", examples=[200]
    )
    search_types: list[SearchType] = Field(description="Those that are offered.")
    answer_model: str = Field(
        description="The model that answers, where none is asked for.", examples=["claude-haiku-4-5"]
    )
    agent_model: str = Field(description="The model of agentic searches.", examples=["claude-sonnet-5"])
