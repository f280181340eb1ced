"""What can go wrong with secrets; the package's docstring draws the tree. No message holds a value."""

from workspace import OperatorError


class SecretsUnusableError(OperatorError):
    """Base of what `mesh secrets` raises on purpose."""


class DotenvError(SecretsUnusableError):
    """The file is not there, or cannot hold a value."""


class ParameterRefusedError(SecretsUnusableError):
    """Parameter Store does not take a value."""
