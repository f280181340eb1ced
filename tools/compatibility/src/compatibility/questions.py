"""How a search ends when it ends without an answer."""

from __future__ import annotations


class OpenQuestionError(Exception):
    """Neither a document nor a proof that there is none: the search met something that it does not model."""


class ExhaustedError(OpenQuestionError):
    """The budget of steps or of time is spent."""
