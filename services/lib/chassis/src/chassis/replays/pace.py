"""How fast a replay goes: no faster than ordered, and never so fast that live events wait behind it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from chassis.service import Service

__all__ = ["LEAST", "MAX_WAITING", "MOST", "Allowance", "Pace", "backlog_of"]

#: Messages that may wait in the consumer's queue before another page: live events arrive behind them.
MAX_WAITING = 10
#: Stored events in a page: from the least, doubled while the consumer's queue is found empty.
LEAST, MOST = 10, 500
_LOOK_AGAIN_S = 0.05
_SHORTEST_S = 0.001


@dataclass(frozen=True, slots=True)
class Allowance:
    """The next page: how many stored events to look at, and how many of them to publish at most."""

    look: int
    publish: int


class Pace:
    """A token bucket that holds a second's events and begins empty; `backlog` says how many messages wait."""

    def __init__(
        self,
        rate: int,
        backlog: Callable[[], int],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._backlog = backlog
        self._clock = clock
        self._sleep = sleep
        self._page = LEAST
        self._tokens = 0.0
        self._filled_at = clock()

    def wait(self, deadline: float) -> Allowance | None:
        """Wait until more may be published; None when the deadline comes first.

        Raises:
            PermanentError: the consumer has no queue.
            TransientError: its queue does not answer.
        """
        while self._clock() < deadline:
            self._fill()
            if self._tokens < 1:
                self._sleep(max((1 - self._tokens) / self._rate, _SHORTEST_S))
                continue
            waiting = self._backlog()
            self._page = LEAST if waiting else min(2 * self._page, MOST)
            if waiting <= MAX_WAITING:
                return Allowance(self._page, int(self._tokens))
            self._sleep(_LOOK_AGAIN_S)
        return None

    def spend(self, events: int) -> None:
        """So many were published."""
        self._tokens -= events

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(float(self._rate), self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now


def backlog_of(service: "Service[Any]", consumer: str) -> Callable[[], int]:
    """Says how many messages wait for the consumer, in the queue of its function `events`."""
    own = f"{service.settings.service}-{service.settings.function}"
    url = f"{service.settings.queue_url.removesuffix(own)}{consumer}-events"

    def waiting() -> int:
        try:
            answer = service.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise PermanentError("no-such-consumer", f"{consumer} has no queue {url.rpartition('/')[2]}") from error
            raise TransientError(f"SQS: {error}") from error
        except BotoCoreError as error:
            raise TransientError(f"SQS: {error}") from error
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    return waiting


_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
