"""Errors of `mesh outbox`; the package's docstring draws the tree."""

from workspace import OperatorError


class OutboxError(OperatorError):
    """Base of all errors of `mesh outbox`."""


class ServiceUnknownError(OutboxError):
    """The environment has no service of that name with a relay."""


class EventNotParkedError(OutboxError):
    """No event with that id is parked; nothing was changed."""


class RelayOutdatedError(OutboxError):
    """A relay's code knows nothing of parked events yet."""
