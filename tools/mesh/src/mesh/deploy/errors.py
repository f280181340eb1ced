"""Errors of deployments; the package's docstring draws the tree."""

from workspace import OperatorError


class DeployError(OperatorError):
    """Base of all errors of deployments."""


class FunctionsMissingError(DeployError):
    """The environment has no such function, or no such service."""


class FunctionUnlikeError(DeployError):
    """A deployed function cannot run the package, or its variables cannot be read."""


class PackageTooLargeError(DeployError):
    """The package exceeds Lambda's limit."""


class DeploymentFailedError(DeployError):
    """The deployment stopped half way."""
