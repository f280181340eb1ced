"""Handlers that environments under test import."""

import os
import struct
import sys
import time
from typing import Any

calls = 0


def echo(event: dict[str, Any], context: Any) -> Any:
    """The event, how often this process was called, and what it knows of itself."""
    global calls
    calls += 1
    left_ms = context.get_remaining_time_in_millis()
    return {"event": event, "calls": calls, "left_ms": left_ms, "service": os.environ["SERVICE"], "pid": os.getpid()}


def fails(event: dict[str, Any], context: Any) -> Any:
    raise ValueError("no such shop")


def exits(event: dict[str, Any], context: Any) -> Any:
    os._exit(9)


def breaks_off(event: dict[str, Any], context: Any) -> Any:
    """Ends in the middle of its answer: 100 bytes are announced, one is sent."""
    os.write(int(sys.argv[2]), struct.pack("!i", 100) + b"{")
    os._exit(9)


def sleeps(event: dict[str, Any], context: Any) -> Any:
    time.sleep(30)


def slow(event: dict[str, Any], context: Any) -> None:
    """Long enough for a signal to arrive meanwhile."""
    time.sleep(1.0)


def endless(event: dict[str, Any], context: Any) -> Any:
    answer: list[Any] = []
    for _ in range(100_000):
        answer = [answer]
    return answer


def unspeakable(event: dict[str, Any], context: Any) -> Any:
    return {"set": {1, 2}}
