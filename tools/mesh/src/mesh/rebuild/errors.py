"""Errors of `mesh rebuild`; the package's docstring draws the tree."""

from workspace import OperatorError


class RebuildError(OperatorError):
    """Base of all errors of `mesh rebuild`."""


class NotRebuildableError(RebuildError):
    """The service has no tables that can be folded beside the live ones."""


class RebuildUnknownError(RebuildError):
    """There is no rebuild to switch, roll back or cancel."""


class NotArrivedError(RebuildError):
    """Replayed events did not reach the service in time, or the replay has stopped; nothing was switched."""


class TablesDifferError(RebuildError):
    """The tables beside are not those that are live, where they should be; nothing was switched."""


class RebuildsOutdatedError(RebuildError):
    """A function's code knows nothing of rebuilds yet."""
