"""Waiting for a condition to become true."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, timeout_s: float = 60, every_s: float = 0.05) -> T:
    """The first true answer; the last one in the failure."""
    deadline = time.monotonic() + timeout_s
    while not (answer := look()):
        assert time.monotonic() < deadline, f"still {answer!r} after {timeout_s} s"
        time.sleep(every_s)
    return answer
