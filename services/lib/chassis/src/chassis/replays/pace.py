"""How fast a replay goes: no faster than ordered, and never so fast that live events wait behind it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import PermanentError, TransientError
from chassis.queue.entry import REPLAYED

if TYPE_CHECKING:
    from chassis.service import Service

__all__ = ["LEAST", "MAX_REPLAYED", "MAX_WAITING", "MOST", "Allowance", "Pace", "Waiting", "backlog_of"]

#: Live messages that may wait for the consumer before another page: they go first.
MAX_WAITING = 10
#: Replayed messages that may wait in their queue before another page: a replay that is paused has so many left.
MAX_REPLAYED = 500
#: Stored events in a page: from the least, doubled while no live message is found waiting.
LEAST, MOST = 10, 500
_LOOK_AGAIN_S = 0.05
_SHORTEST_S = 0.001


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages that wait for the consumer in each of its queues."""

    live: int
    replayed: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """The next page: how many stored events to look at, and how many of them to publish at most."""

    look: int
    publish: int


class Pace:
    """A token bucket that holds a second's events and begins empty; `backlog` says how many messages wait where."""

    def __init__(
        self,
        rate: int,
        backlog: Callable[[], Waiting],
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
            self._page = LEAST if waiting.live else min(2 * self._page, MOST)
            if waiting.live <= MAX_WAITING and waiting.replayed <= MAX_REPLAYED:
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


def backlog_of(service: "Service[Any]", consumer: str) -> Callable[[], Waiting]:
    """Says how many messages wait for the consumer, in the queues of its function `events`."""
    own = f"{service.settings.service}-{service.settings.function}"
    url = f"{service.settings.queue_url.removesuffix(own)}{consumer}-events"

    def waiting_in(url: str) -> int:
        try:
            answer = service.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise PermanentError("no-such-consumer", f"{consumer} has no queue {url.rpartition('/')[2]}") from error
            raise TransientError(f"SQS: {error}") from error
        except BotoCoreError as error:
            raise TransientError(f"SQS: {error}") from error
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    return lambda: Waiting(waiting_in(url), waiting_in(f"{url}{REPLAYED}"))


_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
