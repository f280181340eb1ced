"""What can go wrong in a policy check; the package's docstring draws the tree."""

from workspace import OperatorError


class PolicyCheckError(OperatorError):
    """Root of everything that the checks raise on purpose."""


class TerraformUnusableError(PolicyCheckError):
    """Terraform, or the providers it needs, are not to be had here; the message says what to install."""


class TerraformFailedError(PolicyCheckError):
    """A Terraform command failed; the message is what it said."""


class LinterUnusableError(PolicyCheckError):
    """The linter cannot be installed here; the message says why."""


class LinterFailedError(PolicyCheckError):
    """The linter itself failed; the message is what it said."""


class PolicyNotUnderstoodError(PolicyCheckError):
    """A policy says something that no check here knows."""


class ReasonsInvalidError(PolicyCheckError):
    """The file of stated reasons is not what it should be."""
