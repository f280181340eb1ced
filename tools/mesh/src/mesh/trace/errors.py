"""Errors of `mesh trace` and `mesh state`; the package's docstring draws the tree."""

from workspace import OperatorError


class TraceError(OperatorError):
    """Base of all errors of this package."""


class NothingRecordedError(TraceError):
    """No service has recorded an event about that id."""


class SeveralTenantsError(TraceError):
    """Events of several tenants have the id; the message has the hashes of which one is to be chosen."""


class ServiceOutdatedError(TraceError):
    """A service's code cannot be asked yet."""
