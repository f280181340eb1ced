"""What a test's code logs and measures."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chassis.observability import logger, metrics

#: Reads the lines logged so far.
LogLines = Callable[[], list[dict[str, Any]]]
#: Reads the metrics emitted so far: name -> unit and values.
Measured = Callable[[], dict[str, tuple[str, list[float]]]]


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogLines]:
    """Reads the lines logged so far."""
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    logger.clear_state()
    yield lambda: [json.loads(line) for line in log.getvalue().splitlines()]
    logger.clear_state()


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str]) -> Iterator[Measured]:
    """Reads the metrics emitted so far: name -> unit and values."""
    metrics.clear_metrics()
    seen: dict[str, tuple[str, list[float]]] = {}

    def read() -> dict[str, tuple[str, list[float]]]:
        for line in capsys.readouterr().out.splitlines():
            emitted = json.loads(line)
            for metric in emitted["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                _, values = seen.setdefault(metric["Name"], (metric["Unit"], []))
                values += emitted[metric["Name"]]
        return seen

    yield read
    metrics.clear_metrics()
