"""Voyage's wire format: text embeddings as lists or base64, in the dimension asked for, and reranking."""

import base64
from typing import Any

import numpy as np

from provider_emulator.errors import BadRequestError
from provider_emulator.exchange import Outcome, Task
from provider_emulator.faults import Provider
from provider_emulator.prompt import JsonObject, Kind, tokens_of
from provider_emulator.text_embedding import DEFAULT_DIMENSIONS
from provider_emulator.wire import text_field
from provider_emulator.words import content_words, overlap

_MOST_TEXTS = 1000
_MOST_DIMENSIONS = 4096


class VoyageDialect:
    """Errors as `{"detail": "..."}`."""

    provider: Provider = "voyage"

    def error(self, status: int, message: str, param: str | None) -> JsonObject:
        return {"detail": message}


async def embeddings(task: Task) -> Outcome:
    """POST /voyage/v1/embeddings. Queries and documents are embedded alike: the model behind it makes no difference."""
    texts = _texts(task.body)
    model = text_field(task.body, "model")
    if task.body.get("input_type") not in (None, "query", "document"):
        raise BadRequestError("input_type must be one of null, 'query', 'document'")
    if task.body.get("output_dtype") not in (None, "float"):
        raise BadRequestError("output_dtype: only 'float' is supported here")
    encoding = task.body.get("encoding_format")
    if encoding not in (None, "base64"):
        raise BadRequestError("encoding_format must be null or 'base64'")
    vectors = await task.engine.embed(texts, _dimensions(task.body))
    data = [
        {"object": "embedding", "embedding": _encoded(vector, encoding), "index": index}
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(max(1, tokens_of(len(text))) for text in texts)
    return Outcome(Kind.EMBEDDING, {"object": "list", "data": data, "model": model, "usage": {"total_tokens": tokens}})


async def rerank(task: Task) -> Outcome:
    """POST /voyage/v1/rerank. Relevance is the share of the query's words that a document has: there is no model."""
    query, model = text_field(task.body, "query"), text_field(task.body, "model")
    documents = _listed(task.body, "documents")
    most = task.body.get("top_k")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise BadRequestError("top_k must be null or a positive integer")
    wanted = content_words(query)
    shares = [overlap(wanted, document) for document in documents]
    best = sorted(range(len(documents)), key=lambda index: (-shares[index], index))[:most]
    data = [{"index": index, "relevance_score": round(shares[index], 6)} for index in best]
    # Voyage counts the query once for each document.
    tokens = sum(tokens_of(len(query)) + tokens_of(len(document)) for document in documents)
    return Outcome(Kind.RERANKING, {"object": "list", "data": data, "model": model, "usage": {"total_tokens": tokens}})


def _texts(body: JsonObject) -> list[str]:
    given = body.get("input")
    texts = _listed({"input": [given]} if isinstance(given, str) else body, "input")
    if not all(text.strip() for text in texts):
        raise BadRequestError("Input cannot contain empty strings or empty lists")
    return texts


def _listed(body: JsonObject, field: str) -> list[str]:
    texts = body.get(field)
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise BadRequestError(f"{field} must be a non-empty list of strings")
    if len(texts) > _MOST_TEXTS:
        raise BadRequestError(f"The batch size limit is {_MOST_TEXTS}. Your batch size is {len(texts)}.")
    return texts


def _dimensions(body: JsonObject) -> int:
    value = body.get("output_dimension")
    if value is None:
        return DEFAULT_DIMENSIONS
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_DIMENSIONS:
        raise BadRequestError(f"output_dimension must be an integer of 1 to {_MOST_DIMENSIONS}")
    return value


def _encoded(vector: Any, encoding: str | None) -> str | list[float]:  # noqa: ANN401 # a row of float32
    if encoding == "base64":
        return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()
    return [float(each) for each in vector]
