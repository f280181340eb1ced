"""Errors of the language model's SDK as errors of search. Importing this imports the SDK."""

import json

import anthropic

from chassis.retry_after import retry_after_s
from search.errors import AnswerError, AnswerRejectedError, AnswerUnavailableError

_MOMENT_S = 0.5

#: What a call may raise: for a body that is not JSON the SDK raises the decoder's error.
FAULTS = (anthropic.APIError, json.JSONDecodeError)


def translated(error: anthropic.APIError | json.JSONDecodeError) -> AnswerError:
    """The SDK's error as one of ours, without the response body, which may quote the request."""
    name = type(error).__name__
    if isinstance(error, anthropic.APIStatusError) and not _is_transient(error.status_code):
        return AnswerRejectedError(f"the language model rejected the request ({name})")
    return AnswerUnavailableError(f"the language model is unavailable ({name})")


def pause_s(error: anthropic.APIError | json.JSONDecodeError) -> float | None:
    """Seconds until another attempt may succeed: what the provider asks for, or else a moment. None: it will not."""
    if not isinstance(error, anthropic.APIStatusError):
        return _MOMENT_S
    if not _is_transient(error.status_code):
        return None
    asked = retry_after_s(error.response.headers)
    return _MOMENT_S if asked is None else asked


def _is_transient(status: int) -> bool:
    return status in {408, 409, 425, 429} or status >= 500
