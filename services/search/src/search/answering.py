"""Answers a question from search results; says what a picture shows. Importing this imports the SDK."""

import base64
import time
from collections.abc import Callable, Sequence
from importlib import resources
from typing import cast

import anthropic
from anthropic import Anthropic, transform_schema
from anthropic.types import Base64ImageSourceParam, Message
from pydantic import BaseModel, Field, ValidationError

from contracts import storable
from retrieval.passages import Source
from search.errors import AnswerRejectedError, AnswerUnavailableError, PictureRejectedError
from search.model_faults import FAULTS, pause_s, translated
from search.sources import as_sources

MAX_TOKENS = 1024
# With less time left than this no call is started.
_LEAST_S = 2.0
_ATTEMPTS = 2


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

    def answer(self, question: str, sources: Sequence[Source], deadline: float, model: str | None = None) -> Answer:
        """The answer, by `deadline` (of `time.monotonic`); its confidence, within 0 and 1, and its citations are what
        the model states.

        Raises:
            AnswerUnavailableError: the model is unavailable, or returns another format.
            AnswerRejectedError: the provider rejects the request or the key, or the model declines.
        """
        message = self._ask(
            lambda client: client.messages.create(
                model=model or self._model,
                max_tokens=MAX_TOKENS,
                system=_INSTRUCTIONS,
                messages=[{"role": "user", "content": f"{as_sources(sources)}\n\nQuestion: {question}"}],
                output_config={"format": {"type": "json_schema", "schema": _SCHEMA}},
            ),
            deadline,
        )
        text = _said(message)
        try:
            given = Answer.model_validate_json(text)
        except ValidationError as error:
            raise AnswerUnavailableError("the language model's answer has an unexpected format") from error
        return Answer(
            answer=storable(given.answer),
            confidence=min(max(given.confidence, 0.0), 1.0),
            citations=[storable(cited) for cited in given.citations],
        )

    def describe(self, picture: bytes, media_type: str, deadline: float) -> str:
        """What the picture shows, in a few sentences, by `deadline`.

        Raises:
            AnswerUnavailableError: the model is unavailable, or says nothing.
            AnswerRejectedError: the provider rejects the key, or the model declines.
            PictureRejectedError: the model does not take the picture.
        """
        data = base64.b64encode(picture).decode()
        source = cast("Base64ImageSourceParam", {"type": "base64", "media_type": media_type, "data": data})
        try:
            message = self._ask(
                lambda client: client.messages.create(
                    model=self._model,
                    max_tokens=MAX_TOKENS,
                    system=_LOOKING,
                    messages=[
                        {
                            "role": "user",
                            "content": [
                                {"type": "image", "source": source},
                                {"type": "text", "text": "What does this picture show?"},
                            ],
                        }
                    ],
                ),
                deadline,
            )
        except AnswerRejectedError as error:
            # A rejected parameter or an account without credit is no fault of the picture.
            if isinstance(error.__cause__, anthropic.BadRequestError) and "image" in str(error.__cause__).lower():
                raise PictureRejectedError("the vision model does not take this picture") from error
            raise
        text = _said(message).strip()
        if not text:
            raise AnswerUnavailableError("the language model says nothing of the picture")
        return storable(text)

    def _ask(self, call: Callable[[Anthropic], Message], deadline: float, attempt: int = 1) -> Message:
        """Call, and once more where time permits: the user is waiting for results that are ready."""
        left_s = deadline - time.monotonic()
        if left_s < _LEAST_S:
            raise AnswerUnavailableError("no time left to call the language model")
        try:
            # The SDK's retries would wait as long as the provider asks, beyond the deadline.
            return call(self._client.with_options(timeout=min(self._timeout_s, left_s), max_retries=0))
        except FAULTS as error:
            pause = pause_s(error)
            if pause is None or attempt == _ATTEMPTS or deadline - time.monotonic() < pause + self._timeout_s:
                raise translated(error) from error
        time.sleep(pause)
        return self._ask(call, deadline, attempt + 1)


def _said(message: Message) -> str:
    if message.stop_reason == "refusal":
        raise AnswerRejectedError("the language model declined to answer")
    return "".join(block.text for block in message.content if block.type == "text")
