"""Errors of opening an environment; the package's docstring draws the tree."""

from workspace import OperatorError


class EnvironmentUnusableError(OperatorError):
    """The environment cannot be used; the message has the reason and the remedy."""


class EnvironmentUnknownError(EnvironmentUnusableError):
    """Nothing is saved under that name."""


class OutputsMalformedError(EnvironmentUnusableError):
    """The saved outputs cannot be read."""


class OtherAccountError(EnvironmentUnusableError):
    """The credentials belong to another account than the environment."""
