"""What can go wrong in a service.

ChassisError
├── ConfigurationError        a setting or secret is missing or wrong
├── TransientError            trying again later may help (the queue retries with back-off)
│   └── CommitUnknownError    the connection was lost during COMMIT: all of it is stored, or nothing
├── PermanentError            trying again as before will not help (straight to the dead-letter queue)
├── ConcurrencyError          another process appended to the stream first
├── EventTooLargeError        an event exceeds what the bus carries
├── AlreadyAppliedError       this delivery of the event was applied before
│   └── TenantForgottenError  the tenant is forgotten: nothing of theirs is worked on
├── ObjectMissingError        no object under that key
├── PoisonError               a message that no retry can repair
├── ProblemError              an HTTP answer other than success
├── MalformedCursorError      a cursor that the API did not issue to the caller
├── UndeclaredTableError      a table is not declared as one of the kinds
├── MigrationError            see `chassis.migrations`
└── VoyageError               see `chassis.voyage`
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contracts import Violation

__all__ = [
    "AlreadyAppliedError",
    "ChassisError",
    "CommitUnknownError",
    "ConcurrencyError",
    "ConfigurationError",
    "EventTooLargeError",
    "MalformedCursorError",
    "ObjectMissingError",
    "PermanentError",
    "PoisonError",
    "ProblemError",
    "TenantForgottenError",
    "TransientError",
    "UndeclaredTableError",
]


class ChassisError(Exception):
    """Base of what the chassis raises."""


class ConfigurationError(ChassisError):
    """A setting or a secret is missing or wrong."""


class TransientError(ChassisError):
    """An external failure that may pass; `retry_after_s` is when the provider asked to be called again, if it did."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CommitUnknownError(TransientError):
    """The connection was lost during COMMIT: everything is stored, or nothing; only looking tells which."""


class PermanentError(ChassisError):
    """A failure that stays; `code` is stable and goes to the dead-letter queue with the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ConcurrencyError(ChassisError):
    """The stream is not at the expected version."""


class EventTooLargeError(ChassisError):
    """The event exceeds the size the bus carries."""


class AlreadyAppliedError(ChassisError):
    """The inbox holds this delivery already; its effects are there."""


class TenantForgottenError(AlreadyAppliedError):
    """The tenant is forgotten for good: for a consumer there is nothing to do, a caller over HTTP gets 410."""


class ObjectMissingError(ChassisError):
    """The bucket has no object under that key."""


class PoisonError(ChassisError):
    """A message that no retry can repair; `violations` are the broken rules of an event's contract and their places."""

    def __init__(self, code: str, detail: str, violations: "Sequence[Violation]" = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.violations = tuple(violations)


class ProblemError(ChassisError):
    """An HTTP answer other than success, shown to the caller; `code` is stable and names the problem type."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.extensions = extensions


class MalformedCursorError(ChassisError):
    """A cursor that the API did not issue to the caller."""


class UndeclaredTableError(ChassisError):
    """A table that no migration declares as log, bookkeeping, projection or tombstone."""
