"""Runs functions at a fixed rate, each by itself and never twice at once.

A run that is due while the last one still runs is left out. The first is due one period after the start, as with a rule
of EventBridge. One container of a service keeps its schedules: a second would run everything twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from serving.errors import InvocationError
from serving.log import log
from serving.metrics import Metrics
from serving.plan import FunctionPlan
from serving.poller import Invoked


class Schedule:
    """The schedule of one function."""

    def __init__(
        self,
        plan: FunctionPlan,
        function: Invoked,
        stopping: threading.Event,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._function = function
        self._stopping = stopping
        self._metrics = metrics
        self._clock = clock

    def run(self) -> None:
        """Until told to stop."""
        due = self._clock() + self._plan.every_s
        while not self._stopping.wait(max(due - self._clock(), 0.0)):
            self.run_once()
            due = next_due(due, self._clock(), self._plan.every_s)

    def run_once(self) -> None:
        """One run; a failed one is logged, and tried again when the next is due."""
        try:
            self._function.invoke(self._plan.schedule_event or {})
        except InvocationError as error:
            self._metrics.ran(self._plan.key, ok=False)
            extra = {"function": self._plan.key, "error": str(error), "trace": error.trace}
            log.error("a scheduled run has failed", extra=extra)
        else:
            self._metrics.ran(self._plan.key, ok=True)


def next_due(due: float, now: float, every_s: float) -> float:
    """When the run after the one that was due is: a whole number of periods later, and not in the past."""
    missed = max((now - due) // every_s, 0)
    return due + (missed + 1) * every_s
