"""Errors of secrets; the package's docstring draws the tree. No message holds a value."""

from workspace import OperatorError


class SecretsUnusableError(OperatorError):
    """Base of all errors of `mesh secrets`."""


class DotenvError(SecretsUnusableError):
    """The file is missing, or cannot hold a value."""


class ParameterRefusedError(SecretsUnusableError):
    """Parameter Store refuses a value."""
