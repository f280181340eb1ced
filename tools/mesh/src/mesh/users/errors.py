"""Errors of user management; the package's docstring draws the tree. No message holds a password or a token."""

from workspace import OperatorError


class UserPoolError(OperatorError):
    """Base of all errors of `mesh user`."""


class UserExistsError(UserPoolError):
    """A user with that address exists already."""


class UserUnknownError(UserPoolError):
    """No user has that address."""


class PasswordRefusedError(UserPoolError):
    """The password violates the pool's policy, cannot be read, or is missing."""


class SignInRefusedError(UserPoolError):
    """The pool issues no token for the address and password."""
