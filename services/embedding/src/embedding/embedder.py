"""Texts become vectors, many in one request; one bad text does not fail its neighbours."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chassis.observability import MetricUnit, logger, metrics
from contracts.embedding import EmbeddedPassage
from embedding.errors import InvalidVectorError, NotEmbeddedError, ProviderUnavailableError


@dataclass(frozen=True, slots=True)
class Vector:
    """The values of one text; `tokens` is its share of what the request cost, 0 when nothing was asked.

    Of a description, `passages` are its further vectors, whose tokens are counted, too.
    """

    values: tuple[float, ...]
    tokens: int = 0
    passages: tuple[EmbeddedPassage, ...] = ()


#: The outcome of a text.
Outcome = Vector | NotEmbeddedError | ProviderUnavailableError


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered to one request: a vector a text, in order, and the tokens of all together."""

    vectors: Sequence[Sequence[float]]
    tokens: int


class EmbeddingModel(Protocol):
    """A provider's model."""

    def embed(self, texts: Sequence[str]) -> Answer:
        """One request, input type document.

        Raises:
            ProviderUnavailableError, TextRejectedError, InvalidVectorError
        """
        ...


@dataclass(frozen=True)
class Embedder:
    """Embeds in requests of at most `batch_size` texts. `connect` gives the client for a model's name."""

    connect: Callable[[str], EmbeddingModel]
    dimensions: int
    batch_size: int

    def embed(self, texts: Sequence[str], model: str) -> Mapping[str, Outcome]:
        """The outcome of each text; equal texts are embedded once. Raises nothing: an error is an outcome."""
        unique = list(dict.fromkeys(texts))
        outcomes: dict[str, Outcome] = {}
        for start in range(0, len(unique), self.batch_size):
            outcomes |= self._batch(unique[start : start + self.batch_size], model)
        return outcomes

    def ask(self, texts: Sequence[str], model: str) -> Mapping[str, Outcome]:
        """One request about different texts, at most `batch_size`.

        Raises:
            ProviderUnavailableError, TextRejectedError, InvalidVectorError: no text has a vector.
        """
        answer = self.connect(model).embed(texts)
        return dict(zip(texts, self._checked(texts, answer), strict=True))

    def _batch(self, texts: Sequence[str], model: str) -> Mapping[str, Outcome]:
        try:
            return self.ask(texts, model)
        except ProviderUnavailableError as error:
            return dict.fromkeys(texts, error)
        except NotEmbeddedError as error:
            if len(texts) == 1:
                return {texts[0]: error}
            logger.warning("batch refused, asking one by one", extra={"texts": len(texts), "error": str(error)})
            metrics.add_metric("BatchesIsolated", MetricUnit.Count, 1)
            return {text: outcome for text in texts for outcome in self._batch([text], model).values()}

    def _checked(self, texts: Sequence[str], answer: Answer) -> list[Outcome]:
        if len(answer.vectors) != len(texts):
            raise InvalidVectorError(f"{len(answer.vectors)} vectors for {len(texts)} texts")
        length = sum(map(len, texts)) or 1
        metrics.add_metric("EmbeddingTokens", MetricUnit.Count, answer.tokens)
        return [
            self._vector(values, round(answer.tokens * len(text) / length))
            for text, values in zip(texts, answer.vectors, strict=True)
        ]

    def _vector(self, values: Sequence[float], tokens: int) -> Outcome:
        if len(values) != self.dimensions:
            return InvalidVectorError(f"{len(values)} values instead of {self.dimensions}")
        if not all(map(math.isfinite, values)):
            return InvalidVectorError("a value is not finite")
        if not any(values):
            return InvalidVectorError("the vector is zero")
        return Vector(tuple(values), tokens)
