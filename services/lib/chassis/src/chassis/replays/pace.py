"""How fast a replay goes: no faster than ordered, and never so fast that live events wait behind it.

Queues tell no latency, so what a replay does to that of live events is bounded instead. While the consumer has live
events, and for some seconds after, the replay is gentle: one small page, which is one batch of one worker, and after
it was handled a rest as long as that took. So at least half of the time nothing of it runs, and never two workers,
whatever the consumer can do; where nothing is live, it goes as fast as ordered.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import PermanentError, TransientError
from chassis.queue.entry import REPLAYED

if TYPE_CHECKING:
    from chassis.service import Service

__all__ = ["GENTLE_S", "LEAST", "MAX_REPLAYED", "MAX_WAITING", "MOST", "Allowance", "Pace", "Waiting", "backlog_of"]

#: Live messages that may wait for the consumer before another page: they go first.
MAX_WAITING = 10
#: Replayed messages that may wait in their queue before another page: a replay that is paused has so many left.
MAX_REPLAYED = 500
#: Stored events in a page: from the least, doubled while the consumer has no live message.
LEAST, MOST = 10, 500
#: Seconds for which a replay stays gentle after the consumer had a live message: such come at intervals.
GENTLE_S = 5.0
# After so long a gentle page counts as handled: messages that failed stay out of sight for up to 15 minutes.
_HANDLED_S = 5.0
# For so long an empty queue may be one that the page has not reached yet: SQS tells its figures late.
_UNSEEN_S = 1.0
_LOOK_AGAIN_S = 0.05
_SHORTEST_S = 0.001


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages that wait for the consumer in each of its queues, and those that it has taken and not yet handled."""

    live: int
    replayed: int = 0
    live_taken: int = 0
    replayed_taken: int = 0


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
        self._gentle_until = self._filled_at
        self._page_at: float | None = None
        self._is_seen = False
        self._handled_at: float | None = None

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
            if self._may_go_on(self._backlog()):
                self._page_at, self._is_seen, self._handled_at = self._clock(), False, None
                return Allowance(self._page, int(self._tokens))
            self._sleep(_LOOK_AGAIN_S)
        return None

    def spend(self, events: int) -> None:
        """So many were published."""
        self._tokens -= events

    def _may_go_on(self, waiting: Waiting) -> bool:
        if waiting.live or waiting.live_taken:
            self._gentle_until = self._clock() + GENTLE_S
        is_gentle = self._clock() < self._gentle_until
        self._page = LEAST if is_gentle else min(2 * self._page, MOST)
        if waiting.live > MAX_WAITING or waiting.replayed > MAX_REPLAYED:
            return False
        return not is_gentle or self._is_rested(waiting)

    def _is_rested(self, waiting: Waiting) -> bool:
        """Whether the page before is handled, and as much time as that took has passed since."""
        if self._page_at is None:
            return True
        now = self._clock()
        is_there = bool(waiting.replayed or waiting.replayed_taken)
        self._is_seen = self._is_seen or is_there
        patience_s = _HANDLED_S if is_there else 0.0 if self._is_seen else _UNSEEN_S
        is_handled = now - self._page_at >= patience_s
        if self._handled_at is None and is_handled:
            self._handled_at = now
        return self._handled_at is not None and now - self._handled_at >= self._handled_at - self._page_at

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(float(self._rate), self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now


def backlog_of(service: "Service[Any]", consumer: str) -> Callable[[], Waiting]:
    """Says how many messages wait for the consumer, in the queues of its function `events`."""
    own = f"{service.settings.service}-{service.settings.function}"
    url = f"{service.settings.queue_url.removesuffix(own)}{consumer}-events"

    def messages_in(url: str) -> tuple[int, int]:
        """Those that wait, and those that are taken."""
        try:
            answer = service.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[_WAITING, _TAKEN])
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise PermanentError("no-such-consumer", f"{consumer} has no queue {url.rpartition('/')[2]}") from error
            raise TransientError(f"SQS: {error}") from error
        except BotoCoreError as error:
            raise TransientError(f"SQS: {error}") from error
        return int(answer["Attributes"][_WAITING]), int(answer["Attributes"][_TAKEN])

    def waiting() -> Waiting:
        (live, live_taken), (replayed, replayed_taken) = messages_in(url), messages_in(f"{url}{REPLAYED}")
        return Waiting(live, replayed, live_taken, replayed_taken)

    return waiting


_WAITING: Final = "ApproximateNumberOfMessages"
_TAKEN: Final = "ApproximateNumberOfMessagesNotVisible"
_MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
