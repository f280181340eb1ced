"""Schedules: on time, one run at a time, and a failed run ends nothing."""

import threading
from typing import Any

import pytest
from serving_fakes import Answering, function

from serving.errors import HandlerError
from serving.metrics import Metrics
from serving.schedules import Schedule, next_due


@pytest.mark.parametrize(
    ("due", "now", "then"),
    [
        (60, 60, 120),
        (60, 70.5, 120),  # a run of ten seconds
        (60, 119.9, 120),
        (60, 120, 180),  # it took a whole period: the run that was due meanwhile is left out
        (60, 250, 300),
    ],
)
def test_when_the_next_run_is_due(due: float, now: float, then: float) -> None:
    assert next_due(due, now, 60) == then


def test_a_failed_run_is_tried_again_when_the_next_is_due(caplog: pytest.LogCaptureFixture) -> None:
    stopping = threading.Event()
    runs: list[Any] = []

    def run(event: Any) -> None:
        runs.append(event)
        if len(runs) == 3:
            stopping.set()
        raise HandlerError("ValueError", "not now")

    clock = iter(range(0, 10_000, 100))
    plan = function(every_s=60, schedule_event={"source": "collections.schedule"})
    Schedule(plan, Answering(run), stopping, Metrics(), clock=lambda: float(next(clock))).run()
    assert runs == [{"source": "collections.schedule"}] * 3
    assert caplog.text.count("a scheduled run has failed") == 3
