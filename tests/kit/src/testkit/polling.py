"""Waiting for a condition to become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.rows import tuple_row

T = TypeVar("T")


def eventually(look: Callable[[], T], *, timeout_s: float = 60, every_s: float = 0.05) -> T:
    """The first true answer; the last one in the failure."""
    deadline = time.monotonic() + timeout_s
    while not (answer := look()):
        assert time.monotonic() < deadline, f"still {answer!r} after {timeout_s} s"
        time.sleep(every_s)
    return answer


def settled(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """The connection, once no open transaction hides an event of its store from `read_all`.

    The horizon is that of the whole server, which the workers of a run share: a transaction of another test holds it
    back too.
    """
    hidden = "SELECT 1 FROM events WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot()) LIMIT 1"
    eventually(lambda: connection.cursor(row_factory=tuple_row).execute(hidden).fetchone() is None, every_s=0.005)
    return connection
