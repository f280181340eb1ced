"""Errors of `mesh forget`; the package's docstring draws the tree."""

from workspace import OperatorError


class ForgetError(OperatorError):
    """Base of all errors of `mesh forget`."""


class TenantUnknownError(ForgetError):
    """No account has that address."""


class NothingHeldError(ForgetError):
    """No service holds anything of the tenant, and there is no account: a typing error, most likely."""


class NotErasedError(ForgetError):
    """A service has not erased in time; it goes on, and the command can be repeated."""
