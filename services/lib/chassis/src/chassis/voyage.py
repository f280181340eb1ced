"""Voyage, for services that make vectors. Importing this costs about two seconds of CPU (the SDKs).

Which error is worth another attempt is the caller's decision: a queue may wait until a key is fixed, a user may not.
"""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# The stock class may reach for a tokenizer on the Hugging Face hub; here that is a fault, not a download.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import voyageai.error
from langchain_voyageai import VoyageAIEmbeddings
from pydantic import SecretStr
from voyageai.client import Client

from chassis.errors import ChassisError
from chassis.retry_after import retry_after_s

__all__ = ["Embedded", "Voyage", "VoyageError", "VoyageFault", "VoyageReranker", "translated"]


class VoyageFault(StrEnum):
    """Why there are no vectors."""

    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    """Down, slow, overloaded, or answered without data."""
    REFUSED = "refused"
    """The key, the account: nothing that another text would change."""
    REQUEST_REFUSED = "request-refused"
    """A text that it does not take, an unknown model."""
    MALFORMED = "malformed"
    """The answer cannot be read."""


class VoyageError(ChassisError):
    """No vectors. The message holds the class of the fault and the status alone: bodies may quote the texts."""

    def __init__(self, fault: VoyageFault, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"voyage: {detail}")
        self.fault = fault
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Embedded:
    """One vector for each text, as the provider answered them, and the tokens it counted."""

    vectors: Sequence[Sequence[float]]
    tokens: int


class Voyage:
    """One of Voyage's models. A request may take `timeout_s`; limited, timed out or answered 502 to 504 it is tried
    `attempts` times in all."""

    def __init__(
        self, *, api_key: str, base_url: str | None, model: str, dimensions: int, timeout_s: float, attempts: int
    ) -> None:
        self._embeddings = _Embeddings(model=model, output_dimension=dimensions, voyage_api_key=SecretStr(api_key))
        self._client = _CountingClient(api_key=api_key, base_url=base_url, max_retries=attempts, timeout=timeout_s)
        # The stock client never retries and waits 600 s; LangChain's class has no setting for either.
        self._embeddings._client = self._client

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """Vectors of what is to be found, in one request. Raises VoyageError."""
        with _translated():
            return Embedded(self._embeddings.embed_documents(list(texts)), self._client.tokens)

    def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a query. Raises VoyageError."""
        with _translated():
            return self._embeddings.embed_query(text)


class VoyageReranker:
    """One of Voyage's rerankers. A request may take `timeout_s` and is tried once: somebody waits for it."""

    def __init__(self, *, api_key: str, base_url: str | None, model: str, timeout_s: float) -> None:
        self._client = Client(api_key=api_key, base_url=base_url, max_retries=1, timeout=timeout_s)
        self._model = model

    def relevances(self, query: str, documents: Sequence[str]) -> list[float]:
        """How well each document answers the query, higher is better. Raises VoyageError."""
        with _translated():
            results = self._client.rerank(query, list(documents), model=self._model).results
        by_index = {result.index: float(result.relevance_score) for result in results}
        if by_index.keys() != set(range(len(documents))):
            raise VoyageError(VoyageFault.MALFORMED, f"ranked {len(by_index)} of {len(documents)} documents")
        return [by_index[index] for index in range(len(documents))]


class _CountingClient(Client):
    """Remembers the tokens of its latest request, which LangChain's class drops."""

    tokens = 0

    def embed(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 # the SDK is untyped
        result = super().embed(*args, **kwargs)
        self.tokens = result.total_tokens
        return result


class _Embeddings(VoyageAIEmbeddings):
    """Sends the texts as they come, in one request.

    The stock class counts tokens with a tokenizer that it downloads from the Hugging Face hub at run time.
    """

    def _build_batches(self, texts: list[str]) -> Generator[tuple[list[str], int], None, None]:
        yield texts, len(texts)


_UNAVAILABLE = (
    voyageai.error.Timeout,
    voyageai.error.APIConnectionError,
    voyageai.error.ServerError,
    voyageai.error.ServiceUnavailableError,
    voyageai.error.TryAgain,
)
_REFUSED = (voyageai.error.InvalidRequestError, voyageai.error.MalformedRequestError)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except voyageai.error.VoyageError as error:
        raise translated(error) from error
    except AttributeError as error:
        # The SDK takes a status it does not know (529, overloaded) for a success and misses the data in it.
        raise VoyageError(VoyageFault.UNAVAILABLE, "answered without data") from error
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise VoyageError(VoyageFault.MALFORMED, f"malformed answer ({type(error).__name__})") from error


def translated(error: voyageai.error.VoyageError) -> VoyageError:
    """The SDK's error as ours."""
    detail = f"{error.http_status or ''} {type(error).__name__}".strip()
    return VoyageError(_fault(error), detail, retry_after_s=retry_after_s(error.headers or {}))


def _fault(error: voyageai.error.VoyageError) -> VoyageFault:
    if isinstance(error, voyageai.error.RateLimitError):
        return VoyageFault.LIMITED
    if isinstance(error, _REFUSED) or error.http_status in {400, 404, 413, 422}:
        return VoyageFault.REQUEST_REFUSED
    if isinstance(error, _UNAVAILABLE) or (error.http_status or 0) >= 500:
        return VoyageFault.UNAVAILABLE
    return VoyageFault.REFUSED
