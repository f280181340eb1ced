"""Answers a question from search results; says what a picture shows. Importing this imports the SDK."""

import base64
import time
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import anthropic
from anthropic import Anthropic, transform_schema
from anthropic.types import Message
from pydantic import BaseModel, Field, ValidationError

from contracts import storable
from retrieval import Hit
from search.errors import AnswerUnavailableError, PictureRejectedError
from search.sources import as_sources, known_citations

MAX_TOKENS = 1024
# With less time left than this no call is started.
_LEAST_S = 2.0


class Answer(BaseModel):
    """The model's structured output."""

    answer: str = Field(description="Two or three sentences, from the items alone.")
    confidence: float = Field(allow_inf_nan=False, description="0 to 1: how well the items answer the question.")
    citations: list[str] = Field(description="Ids of the items the answer rests on.")


_INSTRUCTIONS, _LOOKING = (
    resources.files("search").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")
    for name in ("answer", "picture")
)
_SCHEMA = transform_schema(Answer)


class Answerer:
    """Answers with one call of one model."""

    def __init__(self, api_key: str, model: str, *, timeout_s: float) -> None:
        self._client = Anthropic(api_key=api_key, timeout=timeout_s)
        self._model = model
        self._timeout_s = timeout_s

    def answer(self, question: str, hits: Sequence[Hit], deadline: float, model: str | None = None) -> Answer:
        """The answer, by `deadline` (of `time.monotonic`); its citations are ids among the hits, its confidence lies
        within 0 and 1.

        Raises:
            AnswerUnavailableError: the model is unavailable, declines, or returns another format.
        """
        request = {
            "model": model or self._model,
            "system": _INSTRUCTIONS,
            "messages": [{"role": "user", "content": f"{as_sources(hits)}\n\nQuestion: {question}"}],
            "output_config": {"format": {"type": "json_schema", "schema": _SCHEMA}},
        }
        text = self._said(request, deadline)
        try:
            given = Answer.model_validate_json(text)
        except ValidationError as error:
            raise AnswerUnavailableError("the language model's answer has an unexpected format") from error
        return Answer(
            answer=storable(given.answer),
            confidence=min(max(given.confidence, 0.0), 1.0),
            citations=known_citations(given.citations, hits),
        )

    def describe(self, picture: bytes, media_type: str, deadline: float) -> str:
        """What the picture shows, in a few sentences, by `deadline`.

        Raises:
            AnswerUnavailableError: the model is unavailable, declines, or says nothing.
            PictureRejectedError: the model does not take the picture.
        """
        source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(picture).decode()}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "What does this picture show?"}]
        request = {"model": self._model, "system": _LOOKING, "messages": [{"role": "user", "content": content}]}
        try:
            text = self._said(request, deadline)
        except AnswerUnavailableError as error:
            if isinstance(error.__cause__, anthropic.BadRequestError):
                raise PictureRejectedError("the vision model does not take this picture") from error
            raise
        if not text.strip():
            raise AnswerUnavailableError("the language model says nothing of the picture")
        return storable(text.strip())

    def _said(self, request: Mapping[str, Any], deadline: float) -> str:
        left_s = deadline - time.monotonic()
        if left_s < _LEAST_S:
            raise AnswerUnavailableError("no time left to call the language model")
        # Retry only if time permits: the user is waiting for results that are ready.
        patient = self._client.with_options(
            timeout=min(self._timeout_s, left_s), max_retries=1 if left_s > 2 * self._timeout_s else 0
        )
        try:
            message: Message = patient.messages.create(max_tokens=MAX_TOKENS, **request)
        except anthropic.APIError as error:
            raise AnswerUnavailableError(f"the language model is unavailable ({type(error).__name__})") from error
        if message.stop_reason == "refusal":
            raise AnswerUnavailableError("the language model declined to answer")
        return "".join(block.text for block in message.content if block.type == "text")
