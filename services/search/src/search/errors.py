"""The errors of search.

SearchError
├── PictureRejectedError         the vision model does not take the picture
└── AnswerError                  no answer from the language model
    ├── AnswerUnavailableError   rate-limited, overloaded, down, not responding in time, or unreadable: retry
    └── AnswerRejectedError      it rejects the request or the key, or the model declines or gives no answer
"""

from typing import ClassVar

from chassis.errors import ChassisError


class SearchError(ChassisError):
    """Base of this service's errors."""


class AnswerError(SearchError):
    """The language model gave no usable answer; the message may be shown to the caller."""

    #: Of the problem that the caller is told, the same as in chat.
    code: ClassVar[str] = ""


class AnswerUnavailableError(AnswerError):
    """The language model is unavailable: another attempt may succeed."""

    code = "model-unavailable"


class AnswerRejectedError(AnswerError):
    """The provider rejects the request or the key, or the model declines: another attempt ends alike."""

    code = "model-rejected"


class PictureRejectedError(SearchError):
    """The vision model does not take the picture: it is damaged, or larger than it looks at."""
