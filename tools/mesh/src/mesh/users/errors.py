"""What can go wrong with users; the package's docstring draws the tree. No message holds a password or a token."""

from workspace import OperatorError


class UserPoolError(OperatorError):
    """Base of what `mesh user` raises on purpose."""


class UserExistsError(UserPoolError):
    """There is somebody with that address already."""


class UserUnknownError(UserPoolError):
    """There is nobody with that address."""


class PasswordRefusedError(UserPoolError):
    """The password is not as the pool wants it, cannot be read, or is missing."""


class SignInRefusedError(UserPoolError):
    """The pool gives no token for the address and password."""
