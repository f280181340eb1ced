"""A turn's search results in the API's form, within the size limit of the event."""

from collections.abc import Iterable

from retrieval import Hit
from retrieval.results import SearchResult, as_result

#: Bytes of results that a turn may carry: its event, with both messages, has to fit the bus (256 KiB).
MAX_BYTES = 150_000


def search_results(hits: Iterable[Hit], limit: int) -> list[SearchResult]:
    """Each item once, ranked in the order in which the turn's searches found them; as many as fit."""
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.item_id, hit)
    results: list[SearchResult] = []
    size = 0
    for rank, hit in enumerate(list(first.values())[:limit], start=1):
        result = as_result(hit, rank)
        size += len(result.model_dump_json().encode())
        if size > MAX_BYTES:
            break
        results.append(result)
    return results
