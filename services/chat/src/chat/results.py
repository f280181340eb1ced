"""What a turn found, in the shape that clients know from the search service."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from retrieval import Hit


class ChatSearchResult(BaseModel):
    """One item found by the turn's searches."""

    model_config = ConfigDict(frozen=True)

    item_id: str
    rank: int
    score: float
    score_type: str
    category: str
    headline: str
    summary: str
    image_url: str
    metadata: dict[str, Any]


#: Bytes of results that a turn may carry: its event, with both messages, has to fit the bus (256 KiB).
MAX_BYTES = 150_000


def search_results(hits: Iterable[Hit], limit: int) -> list[ChatSearchResult]:
    """Each item once, in the order in which the turn's searches found them, ranked anew; as many as fit."""
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.item_id, hit)
    results: list[ChatSearchResult] = []
    size = 0
    for rank, hit in enumerate(list(first.values())[:limit], start=1):
        result = _result(rank, hit)
        size += len(result.model_dump_json().encode())
        if size > MAX_BYTES:
            break
        results.append(result)
    return results


def citations(answer: str, known: Iterable[str]) -> list[str]:
    """The known item ids that the answer names, in the order of their first mention; others are not citations."""
    places = {item_id: answer.find(item_id) for item_id in known}
    return sorted((item_id for item_id, place in places.items() if place >= 0), key=lambda item_id: places[item_id])


def _result(rank: int, hit: Hit) -> ChatSearchResult:
    return ChatSearchResult(
        item_id=hit.item_id,
        rank=rank,
        score=hit.score,
        score_type=hit.score_type,
        category=hit.category,
        headline=hit.headline,
        summary=hit.summary,
        # A path of the API, not a pre-signed link: history is read hours after a link has expired.
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
    """A list of texts inside a description; empty where there is none."""
    value: Any = description
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list | tuple) else []
