"""How a search ends when it ends without an answer."""

from __future__ import annotations

from dataclasses import dataclass


class OpenQuestionError(Exception):
    """Neither a document nor a proof that there is none: the search met something that it does not model."""


class ExhaustedError(OpenQuestionError):
    """The budget of steps or of time is spent."""


@dataclass(frozen=True)
class Budget:
    """How much work one comparison may take."""

    steps: int = 150_000
    seconds: float = 10.0
