"""Helpers of the tests of processes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Poll until something is true; fails after 20 seconds."""

    def poll(is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not is_true():
            assert time.monotonic() < deadline, "did not come true in time"
            time.sleep(0.02)

    return poll
