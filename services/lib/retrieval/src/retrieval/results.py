"""A hit in the form of the HTTP API, and the items that a text cites."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from retrieval.query import Hit, ScoreType


class SearchResult(BaseModel):
    """One item found."""

    model_config = ConfigDict(frozen=True)

    item_id: str = Field(
        description="Of the item.",
        examples=["0b8f5f3c-7a55-4a53-9d57-9f4f3a1d3f10"],
        json_schema_extra={"format": "uuid"},
    )
    rank: int = Field(ge=1, description="Its place among the results.", examples=[1])
    score: float = Field(description="By which it is ranked; see `score_type`.", examples=[0.031])
    score_type: ScoreType = Field(description="What the score means.")
    category: str = Field(description="Of its description.", examples=["Food"])
    headline: str = Field(description="Of its description.", examples=["Ramen with an egg"])
    summary: str = Field(description="Of its description.", examples=["A bowl of ramen with an egg."])
    image_url: str = Field(
        description="A path of this API that never changes.",
        examples=["/images/0b8f5f3c-7a55-4a53-9d57-9f4f3a1d3f10.png"],
        json_schema_extra={"format": "uri-reference"},
    )
    metadata: dict[str, Any] = Field(description="Names, subcategories and places of it, and its score by each way.")


def as_result(hit: Hit, rank: int | None = None) -> SearchResult:
    """The hit as a result, with its own rank or the given one."""
    return SearchResult(
        item_id=hit.item_id,
        rank=rank or hit.rank,
        score=hit.score,
        score_type=hit.score_type,
        category=hit.category,
        headline=hit.headline,
        summary=hit.summary,
        # A route of the API, not a pre-signed link: results are read hours after a link has expired.
        image_url=f"/images/{hit.filename}",
        metadata={
            "filename": hit.filename,
            "original_filename": hit.original_filename,
            "analysis_id": hit.analysis_id,
            "analysis_version": hit.analysis_version,
            "subcategories": texts(hit.description, "subcategories"),
            "location_tags": texts(hit.description, "media_metadata", "location_tags"),
            "similarity": hit.similarity,
            "bm25_score": hit.bm25,
        },
    )


def texts(description: Mapping[str, Any], *path: str) -> list[str]:
    """A list of strings inside a description; empty where there is none."""
    value: Any = description
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list | tuple) else []


def mentioned(text: str, item_ids: Iterable[str]) -> list[str]:
    """The ids that occur in the text, in the order of their first mention."""
    places = {item_id: text.find(item_id) for item_id in item_ids}
    return sorted((item_id for item_id, place in places.items() if place >= 0), key=lambda item_id: places[item_id])
