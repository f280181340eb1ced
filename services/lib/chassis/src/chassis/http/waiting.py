"""Waiting for what is on its way: events take a moment, and callers do not know that."""

import time
from collections.abc import Callable
from typing import TypeVar

from chassis.errors import ProblemError
from chassis.http.problems import not_found, not_yet
from chassis.item_ids import is_issued

__all__ = ["no_such_item", "wait_for"]

T = TypeVar("T")


def wait_for(look: Callable[[], T | None], seconds: float, *, poll_s: float = 0.2) -> T | None:
    """What `look` finds, looking again for that long; None when the time is up. It looks once at least."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None or time.monotonic() >= deadline:
            return found
        time.sleep(poll_s)


def no_such_item(tenant_id: str, item_id: str) -> ProblemError:
    """The answer about an item that the service has not heard of: 409 where it may still hear of it, 404 otherwise."""
    return not_yet("item", item_id) if is_issued(tenant_id, item_id) else not_found("item", item_id)
