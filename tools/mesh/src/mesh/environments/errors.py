"""What can go wrong when an environment is opened; the package's docstring draws the tree."""

from workspace import OperatorError


class EnvironmentUnusableError(OperatorError):
    """The environment cannot be used; the message says why and what would help."""


class EnvironmentUnknownError(EnvironmentUnusableError):
    """Nothing is saved under that name."""


class OutputsMalformedError(EnvironmentUnusableError):
    """What is saved cannot be read."""


class OtherAccountError(EnvironmentUnusableError):
    """The credentials belong to another account than the environment."""
