"""Errors of `mesh replay`; the package's docstring draws the tree."""

from workspace import OperatorError


class ReplayError(OperatorError):
    """Base of all errors of `mesh replay`."""


class ConsumerUnknownError(ReplayError):
    """No service of that name consumes events."""


class SelectionInvalidError(ReplayError):
    """The consumer does not consume such events, or no service has them."""


class BudgetInvalidError(ReplayError):
    """What is ordered needs a budget, or one that pays for at least one call."""


class ReplayUnknownError(ReplayError):
    """No service knows of a replay with that id."""


class OrderRefusedError(ReplayError):
    """The bus did not take the order; nothing was changed."""


class NotTakenUpError(ReplayError):
    """The services did not act upon the order in time; they still may."""


class ReplayFailedError(ReplayError):
    """Bus or database kept failing in a service; the replay can be resumed."""


class ReplaysOutdatedError(ReplayError):
    """A relay's code knows nothing of replays yet."""
