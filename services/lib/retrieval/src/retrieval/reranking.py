"""A second look at the best hits, by a model that reads query and item together. Off by default.

As many hits are looked at whatever is wanted (`Reranking.window`), so the first results do not depend on `top_k`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol

from retrieval.errors import RerankerUnavailableError
from retrieval.query import Hit, Order, SearchMode, SearchQuery

if TYPE_CHECKING:
    from chassis.voyage import VoyageReranker as VoyageClient
    from retrieval.settings import RerankerSettings

MAX_CHARACTERS = 4_000
"""Of an item's text that are looked at: what is read is paid for."""


class Reranker(Protocol):
    """Judges how well texts answer a query."""

    def relevances(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        """One value for each text, higher is better.

        Raises:
            RerankerUnavailableError: it is down, too slow, or refuses.
        """


@dataclass(frozen=True, slots=True)
class Reranking:
    """By which reranker, and how many hits are looked at."""

    reranker: Reranker
    window: int = 50

    def widened(self, query: SearchQuery) -> SearchQuery:
        """The search whose hits are reranked: of a hybrid search by relevance, at least the window's."""
        return replace(query, top_k=max(query.wanted, self.window), peek=False) if is_reranked(query) else query

    def reranked(self, query: SearchQuery, words: str, hits: Sequence[Hit]) -> list[Hit]:
        """The hits of the widened search in their new order, as many as the query wants; beyond the window as they
        were. Their scores stay those of the fusion.

        Raises:
            RerankerUnavailableError: the reranker is down, too slow, or refuses.
        """
        if not is_reranked(query) or not hits:
            return list(hits[: query.wanted])
        first, rest = hits[: self.window], hits[self.window :]
        relevances = self.reranker.relevances(words, [hit.body[:MAX_CHARACTERS] for hit in first])
        places = sorted(range(len(first)), key=lambda place: (-relevances[place], place))
        ordered = [*(first[place] for place in places), *rest]
        return [replace(hit, rank=rank) for rank, hit in enumerate(ordered[: query.wanted], start=1)]


def is_reranked(query: SearchQuery) -> bool:
    """Whether the order is the library's to choose: who asks for words or meaning alone, or for an order, gets that."""
    return query.mode is SearchMode.HYBRID and query.order is Order.RELEVANCE and query.vector is not None


@dataclass(frozen=True, slots=True)
class VoyageReranker:
    """Voyage's rerankers. The client is made, and its packages imported, at the first query."""

    connect: Callable[[], VoyageClient]

    def relevances(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        """See `Reranker`."""
        from chassis.voyage import VoyageError

        try:
            return self.connect().relevances(query, texts)
        except VoyageError as error:
            raise RerankerUnavailableError(str(error)) from error


def voyage_reranking(settings: RerankerSettings, *, api_key: str, base_url: str | None) -> Reranking | None:
    """Reranking as the settings say, None where they name no reranker."""
    if not settings.reranker:
        return None

    @cache
    def connect() -> VoyageClient:
        from chassis.voyage import VoyageReranker as Client

        return Client(
            api_key=api_key, base_url=base_url, model=settings.reranker, timeout_s=settings.reranker_timeout_s
        )

    return Reranking(VoyageReranker(connect), settings.reranker_window)
