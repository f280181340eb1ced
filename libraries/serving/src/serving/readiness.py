"""Whether a container can do its work now: the database and its queues answer, and it is not draining.

Asked in the background every few seconds, so that a probe is answered at once and never waits for what is down.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from serving.aws_errors import AWS_ERRORS
from serving.metrics import Metrics
from serving.plan import QueuePlan

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

EVERY_S: Final = 5.0
_STATES: Final[Mapping[QueueAttributeNameType, str]] = {
    "ApproximateNumberOfMessages": "waiting",
    "ApproximateNumberOfMessagesNotVisible": "in flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}

#: Raises nothing; says what is wrong, or None.
Check = Callable[[], str | None]


class Readiness:
    """The last result of each check; not ready before all have been made once."""

    def __init__(self, checks: Mapping[str, Check], stopping: threading.Event) -> None:
        self._checks = checks
        self._stopping = stopping
        self._results: dict[str, str | None] = dict.fromkeys(checks, "not checked yet")

    def state(self) -> dict[str, Any]:
        """`ready`, and what is wrong by check."""
        faults = {name: fault for name, fault in self._results.items() if fault is not None}
        if self._stopping.is_set():
            faults["drain"] = "no new work is taken"
        return {"ready": not faults, "checks": sorted(self._checks), "faults": faults}

    def run(self) -> None:
        """Check until told to stop."""
        while True:
            for name, check in self._checks.items():
                self._results[name] = check()
            if self._stopping.wait(EVERY_S):
                return


def database_check(host: str, port: int) -> Check:
    """Whether the database takes connections. Signing in is the functions' own affair."""

    def check() -> str | None:
        try:
            with socket.create_connection((host, port), timeout=3):
                return None
        except OSError as error:
            return f"{host}:{port}: {error}"

    return check


def queue_check(queue: QueuePlan, sqs: SQSClient, metrics: Metrics) -> Check:
    """Whether the queue answers; notes how many messages it has."""

    def check() -> str | None:
        try:
            answer = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=list(_STATES))
        except AWS_ERRORS as error:
            return f"{type(error).__name__}: {error}"
        for attribute, state in _STATES.items():
            count = int(answer["Attributes"].get(attribute, 0))
            metrics.queue_messages.labels(queue.name, state).set(count)
        return None

    return check
