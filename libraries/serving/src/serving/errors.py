"""Errors of this package.

ServingError
  PlanError             what is asked for cannot be run: no such service, a schedule of an unknown kind
  InvocationError       an invocation has no result; `kind` is what Lambda calls it
    HandlerError        the handler raised, or its result is not JSON
    InitError           the environment could not import the handler
    EnvironmentEndedError  the environment ended while it handled
    TimedOutError       the handler took longer than the function's timeout; its environment was killed
  BusyError             no environment became free in time
"""

from typing import Any

__all__ = [
    "BusyError",
    "EnvironmentEndedError",
    "HandlerError",
    "InitError",
    "InvocationError",
    "PlanError",
    "ServingError",
    "TimedOutError",
]


class ServingError(Exception):
    """Root of this package's errors."""


class PlanError(ServingError):
    """What is asked for cannot be run; the message is a sentence for the operator."""


class InvocationError(ServingError):
    """An invocation without a result."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.trace = trace or []

    def as_payload(self) -> dict[str, Any]:
        """As Lambda returns it to whoever invoked the function."""
        return {"errorMessage": self.message, "errorType": self.kind, "stackTrace": self.trace}


class HandlerError(InvocationError):
    """The handler raised, or its result is not JSON."""


class InitError(InvocationError):
    """The handler could not be imported."""


class EnvironmentEndedError(InvocationError):
    """The environment ended while it handled: out of memory, or `os._exit`."""


class TimedOutError(InvocationError):
    """The handler took longer than the function's timeout."""


class BusyError(ServingError):
    """No environment became free in time."""
