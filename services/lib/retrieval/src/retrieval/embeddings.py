"""Embeds queries. Voyage's and LangChain's packages are not imported before the first query."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.errors import EmbeddingRateLimitedError, EmbeddingRejectedError, EmbeddingUnavailableError
from retrieval.vectors import DIMENSIONS

if TYPE_CHECKING:
    from chassis.voyage import Voyage

DEFAULT_MODEL = "voyage-3.5-lite"


@dataclass(frozen=True, slots=True)
class EmbedderConfig:
    """How to reach Voyage. `base_url` (VOYAGE_BASE_URL, ending in `/v1`) is needed only where it is not the public one.

    Timeout and attempts suit an interactive request: three attempts of 6 s, with the pauses between them, end before
    the gateway's 29 s.
    """

    api_key: str = field(repr=False)
    base_url: str | None = None
    model: str = DEFAULT_MODEL
    timeout_s: float = 6
    attempts: int = 3
    cache_size: int = 256


class QueryEmbedder:
    """Embeds queries (input type query) and caches the latest for each tenant. Thread-safe.

    A cache shared by tenants would leak, by response times, what another tenant has searched for.
    """

    def __init__(self, config: EmbedderConfig) -> None:
        self._config = config
        self._cache: OrderedDict[tuple[str, str, str], tuple[float, ...]] = OrderedDict()
        self._clients: dict[str, Voyage] = {}
        self._lock = threading.Lock()

    @property
    def model(self) -> str:
        """The default model."""
        return self._config.model

    def embed(self, tenant_id: str, text: str, model: str | None = None) -> tuple[float, ...]:
        """The query's vector, 1,024 values.

        Raises:
            EmbeddingUnavailableError: Voyage is down, slow or overloaded.
            EmbeddingRejectedError: Voyage rejects the request or returns an invalid response.
        """
        key = (tenant_id, model or self.model, text)
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        vector = _embed(self._client(key[1]), text)
        with self._lock:
            self._cache[key] = vector
            while len(self._cache) > self._config.cache_size:
                self._cache.popitem(last=False)
        return vector

    def _client(self, model: str) -> Voyage:
        from chassis.voyage import Voyage

        config = self._config
        with self._lock:
            if model not in self._clients:
                self._clients[model] = Voyage(
                    api_key=config.api_key,
                    base_url=config.base_url,
                    model=model,
                    dimensions=DIMENSIONS,
                    timeout_s=config.timeout_s,
                    attempts=config.attempts,
                )
            return self._clients[model]


def _embed(client: Voyage, text: str) -> tuple[float, ...]:
    from chassis.voyage import VoyageError, VoyageFault

    try:
        vector = tuple(float(value) for value in client.embed_query(text))
    except VoyageError as error:
        match error.fault:
            case VoyageFault.LIMITED:
                raise EmbeddingRateLimitedError(str(error)) from error
            case VoyageFault.UNAVAILABLE:
                raise EmbeddingUnavailableError(str(error)) from error
            case _:
                # For an interactive request, an error that only an operator can fix is as permanent as a rejected text.
                raise EmbeddingRejectedError(str(error)) from error
    if len(vector) != DIMENSIONS or not all(map(math.isfinite, vector)):
        raise EmbeddingRejectedError(f"Voyage returned {len(vector)} values, or not all of them finite")
    return vector
