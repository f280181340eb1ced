"""The errors of search.

SearchError
├── AnswerUnavailableError   there are results, but no answer from them
└── PictureRejectedError     the vision model does not take the picture
"""

from chassis.errors import ChassisError


class SearchError(ChassisError):
    """Base of this service's errors."""


class AnswerUnavailableError(SearchError):
    """The language model gave no usable answer; the message may be shown to the caller."""


class PictureRejectedError(SearchError):
    """The vision model does not take the picture: it is damaged, or larger than it looks at."""
