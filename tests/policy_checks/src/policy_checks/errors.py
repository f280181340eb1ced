"""What can go wrong in an audit; the package's docstring draws the tree."""

from workspace import OperatorError


class AuditError(OperatorError):
    """Root of everything that auditing raises on purpose."""


class TerraformUnusableError(AuditError):
    """Terraform, or the providers it needs, are not to be had here; the message says what to install."""


class TerraformFailedError(AuditError):
    """A Terraform command failed; the message is what it said."""


class LinterUnusableError(AuditError):
    """The linter cannot be installed here; the message says why."""


class LinterFailedError(AuditError):
    """The linter itself failed; the message is what it said."""


class PolicyNotUnderstoodError(AuditError):
    """A policy says something that the evaluator does not know."""


class ReasonsInvalidError(AuditError):
    """The file of stated reasons is not what it should be."""
