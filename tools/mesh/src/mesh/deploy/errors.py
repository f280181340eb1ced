"""What can go wrong while code is deployed; the package's docstring draws the tree."""

from workspace import OperatorError


class DeployError(OperatorError):
    """Base of what goes wrong while code is deployed."""


class FunctionsMissingError(DeployError):
    """The environment has no such function, or no such service."""


class FunctionUnlikeError(DeployError):
    """A function in the environment cannot take the package, or cannot be read whole."""


class PackageTooLargeError(DeployError):
    """Lambda would not take the package."""


class DeploymentFailedError(DeployError):
    """It began and did not end."""
