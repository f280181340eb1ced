"""Errors of verifying an environment; the package's docstring draws the tree."""

from workspace import OperatorError


class VerifyError(OperatorError):
    """Base of all errors of verifying."""


class CheckFailedError(VerifyError):
    """A check found a problem; the message is a sentence for the operator."""


class UnknownCheckError(VerifyError):
    """No check has that name."""


class ReportUnwritableError(VerifyError):
    """The report cannot be written; no check was run."""
