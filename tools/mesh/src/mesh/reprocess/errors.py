"""Errors of `mesh reprocess`; the package's docstring draws the tree."""

from workspace import OperatorError


class ReprocessError(OperatorError):
    """Base of all errors of `mesh reprocess`."""


class RunUnknownError(ReprocessError):
    """No candidates, or no versions, are of that run."""


class NothingToDoError(ReprocessError):
    """There is nothing to sample, promote or roll back."""


class QueriesInvalidError(ReprocessError):
    """The file of queries has not the shape that is described."""
