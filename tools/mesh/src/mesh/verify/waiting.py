"""Waiting for asynchronous results."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from mesh.verify.errors import CheckFailedError

T = TypeVar("T")


def until(look: Callable[[], T | None], awaited: str, *, timeout_s: float, every_s: float = 0.25) -> T:
    """Poll until the result is not None. Raises CheckFailedError on timeout."""
    deadline = time.monotonic() + timeout_s
    while (answer := look()) is None:
        if time.monotonic() > deadline:
            raise CheckFailedError(f"after {timeout_s:g} s still waiting for {awaited}")
        time.sleep(every_s)
    return answer
