"""The errors of search.

SearchError
└── AnswerUnavailableError   there are results, but no answer from them
"""

from chassis.errors import ChassisError


class SearchError(ChassisError):
    """Base of this service's errors."""


class AnswerUnavailableError(SearchError):
    """The language model gave no usable answer; the message may be shown to the caller."""
