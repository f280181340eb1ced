"""Errors of `mesh dlq`; the package's docstring draws the tree."""

from workspace import OperatorError


class DeadLetterError(OperatorError):
    """Base of all errors of `mesh dlq`."""


class QueueUnknownError(DeadLetterError):
    """The environment has no queue of that name."""


class LetterUnknownError(DeadLetterError):
    """No dead letter has that id; nothing was changed."""
