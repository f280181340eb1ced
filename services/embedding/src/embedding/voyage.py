"""Voyage through LangChain's embeddings class. Importing this costs about two seconds of CPU (the SDKs)."""

import os
from collections.abc import Generator, Sequence
from typing import Any

# The stock class may reach for a tokenizer on the Hugging Face hub; here that is an error, not a download.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import voyageai.error
from langchain_voyageai import VoyageAIEmbeddings
from pydantic import SecretStr
from voyageai.client import Client

from embedding.embedder import Answer
from embedding.errors import EmbeddingError, InvalidVectorError, ProviderUnavailableError, TextRejectedError


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


class VoyageModel:
    """One of Voyage's models. A request may take `timeout_s` and is tried `attempts` times."""

    def __init__(
        self, *, api_key: str, base_url: str | None, model: str, dimensions: int, timeout_s: float, attempts: int
    ) -> None:
        self._embeddings = _Embeddings(
            model=model,
            output_dimension=dimensions,
            base_url=base_url,
            voyage_api_key=SecretStr(api_key),
        )
        self._client = _CountingClient(api_key=api_key, base_url=base_url, max_retries=attempts, timeout=timeout_s)
        # The stock client never retries and waits 600 s; LangChain's class has no setting for either.
        self._embeddings._client = self._client

    def embed(self, texts: Sequence[str]) -> Answer:
        """See `EmbeddingModel`."""
        try:
            vectors = self._embeddings.embed_documents(list(texts))
        except voyageai.error.VoyageError as error:
            raise translated(error) from error
        except AttributeError as error:
            # The SDK takes a status it does not know (529, overloaded) for a success and misses the data in it.
            raise ProviderUnavailableError("voyage: answered without data") from error
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise InvalidVectorError(f"voyage: malformed answer ({type(error).__name__})") from error
        return Answer(vectors, self._client.tokens)


def translated(error: voyageai.error.VoyageError) -> EmbeddingError:
    """The SDK's error as one of ours. Messages hold class and status only: bodies may quote the text."""
    message = f"voyage: {error.http_status or ''} {type(error).__name__}".replace("  ", " ")
    refused = isinstance(error, voyageai.error.InvalidRequestError | voyageai.error.MalformedRequestError)
    if refused or error.http_status in {400, 404, 413, 422}:
        return TextRejectedError(message)
    return ProviderUnavailableError(message, retry_after_s=_retry_after(error.headers))


def _retry_after(headers: Any) -> float | None:  # noqa: ANN401 # whatever the SDK's transport uses
    try:
        return float(headers.get("retry-after", headers.get("Retry-After", "")))
    except ValueError:
        return None
