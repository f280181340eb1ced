"""The Voyage client. Importing this costs about two seconds of CPU, so `retrieval.embeddings` does it on first use."""

import math
from collections.abc import Generator

import voyageai.error
from langchain_voyageai import VoyageAIEmbeddings
from pydantic import SecretStr
from voyageai.client import Client

from retrieval.errors import (
    EmbeddingError,
    EmbeddingRateLimitedError,
    EmbeddingRejectedError,
    EmbeddingUnavailableError,
)
from retrieval.vectors import DIMENSIONS

BATCH_SIZE = 128


class Embeddings(VoyageAIEmbeddings):
    """Voyage embeddings with batches by count.

    The stock class counts tokens with a tokenizer that it downloads from the Hugging Face hub at run time.
    """

    def _build_batches(self, texts: list[str]) -> Generator[tuple[list[str], int], None, None]:
        size = self.batch_size or BATCH_SIZE
        for start in range(0, len(texts), size):
            batch = texts[start : start + size]
            yield batch, len(batch)


def connect(*, api_key: str, base_url: str | None, model: str, timeout_s: float, attempts: int) -> Embeddings:
    """An embedder of `DIMENSIONS` values; it tries `attempts` times when limited, timed out or answered 502 to 504."""
    key = SecretStr(api_key)
    embeddings = Embeddings(
        model=model, output_dimension=DIMENSIONS, batch_size=BATCH_SIZE, base_url=base_url, voyage_api_key=key
    )
    # The stock client never retries and waits 600 s; LangChain's class has no setting for either.
    embeddings._client = Client(api_key=api_key, base_url=base_url, max_retries=attempts, timeout=timeout_s)
    return embeddings


def embed_query(embeddings: Embeddings, text: str) -> tuple[float, ...]:
    """The query's vector.

    Raises:
        EmbeddingUnavailableError: Voyage is down, slow or overloaded.
        EmbeddingRejectedError: Voyage refuses the request or answers something else than one vector of finite values.
    """
    try:
        values = embeddings.embed_query(text)
    except voyageai.error.VoyageError as error:
        raise _translated(error) from error
    except AttributeError as error:
        # The SDK takes a status it does not know (529, overloaded) for a success and misses the data in it.
        raise EmbeddingUnavailableError(f"Voyage answered without data: {error}") from error
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise EmbeddingRejectedError(f"Voyage's answer is malformed: {error}") from error
    vector = tuple(float(value) for value in values)
    if len(vector) != DIMENSIONS or not all(map(math.isfinite, vector)):
        raise EmbeddingRejectedError(f"Voyage answered {len(vector)} values, or not all of them finite")
    return vector


_UNAVAILABLE = (
    voyageai.error.Timeout,
    voyageai.error.APIConnectionError,
    voyageai.error.ServerError,
    voyageai.error.ServiceUnavailableError,
    voyageai.error.TryAgain,
)


def _translated(error: voyageai.error.VoyageError) -> EmbeddingError:
    message = f"Voyage: {error}"
    if isinstance(error, voyageai.error.RateLimitError):
        return EmbeddingRateLimitedError(message)
    status = error.http_status or 0
    if isinstance(error, _UNAVAILABLE) or status >= 500:
        return EmbeddingUnavailableError(message)
    return EmbeddingRejectedError(message)
