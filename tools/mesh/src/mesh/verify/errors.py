"""What can go wrong while an environment is verified; the package's docstring draws the tree."""

from workspace import OperatorError


class VerifyError(OperatorError):
    """Base of all errors that verifying raises on purpose."""


class CheckFailedError(VerifyError):
    """Something is not as it should be; the message is a sentence for people."""


class UnknownCheckError(VerifyError):
    """No check has that name."""


class ReportUnwritableError(VerifyError):
    """The report could not be written, so nothing is done."""
