"""The errors of policy checks; the package's docstring draws the tree."""

from workspace import OperatorError


class PolicyCheckError(OperatorError):
    """Root of the checks' errors."""


class TerraformUnusableError(PolicyCheckError):
    """Terraform or its providers are missing; the message names what to install."""


class TerraformFailedError(PolicyCheckError):
    """A Terraform command failed; the message is its output."""


class LinterUnusableError(PolicyCheckError):
    """The linter cannot be installed; the message gives the reason."""


class LinterFailedError(PolicyCheckError):
    """The linter itself failed; the message is its output."""


class PolicyNotUnderstoodError(PolicyCheckError):
    """A policy contains something that the checks do not support."""


class ReasonsInvalidError(PolicyCheckError):
    """The file of reasons is invalid."""
