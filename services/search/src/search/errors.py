"""What can go wrong here.

SearchError
└── AnswerUnavailableError   results are there, but no answer made of them
"""

from chassis.errors import ChassisError


class SearchError(ChassisError):
    """Base of this service's errors."""


class AnswerUnavailableError(SearchError):
    """The language model gave no usable answer; the message is fit for the caller."""
