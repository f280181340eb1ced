"""Every call by which a process reaches something outside of it, and the end of the process at a chosen one.

What happens between two calls nobody else sees: after a call and before the next one is the same moment for the world.
So a process that makes n calls can die at n + 1 different points: before each, and after the last of them, when its
answer is lost.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import botocore.client
import httpx
import psycopg
import requests.adapters

#: What stands for the answer of the process, after its last call.
ANSWER = "answer"
#: How operations of AWS begin that only read.
_READING = ("Get", "Head", "List", "Query", "Scan", "Describe", "BatchGet")


class Boundary(NamedTuple):
    """Before a call: the nth of its name (1 is the first)."""

    call: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.call} #{self.nth}"

    @property
    def changes_something(self) -> bool:
        """Whether the call may change what others see: of the statements of a transaction COMMIT alone does."""
        kind, _, operation = self.call.partition(" ")
        if kind == "postgres":
            return operation == "COMMIT"
        return not operation.startswith(_READING)


class Boundaries:
    """Counts the calls of this process, and kills it at the boundary that is given."""

    def __init__(self, die_at: Boundary | None = None) -> None:
        self.reached: list[Boundary] = []
        self._die_at = die_at
        self._counts: Counter[str] = Counter()
        self._one_at_a_time = threading.Lock()

    def reach(self, call: str) -> None:
        """The call is about to be made."""
        with self._one_at_a_time:
            self._counts[call] += 1
            boundary = Boundary(call, self._counts[call])
            if boundary == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.reached.append(boundary)

    def watch(self) -> None:
        """Notice statements, calls of AWS, and requests to providers from now on; the process is not to outlive it."""
        for owner, method, name in _SEAMS:
            setattr(owner, method, self._watched(getattr(owner, method), name))

    def _watched(self, call: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        @functools.wraps(call)
        def reaching(*arguments: Any, **options: Any) -> Any:
            self.reach(name(*arguments, **options))
            return call(*arguments, **options)

        return reaching


def _statement(_: object, query: Any, *__: object, **___: object) -> str:
    """The first words of the statement."""
    return "postgres " + " ".join(str(query).split()[:3])


def _aws(client: Any, operation: str, *_: object) -> str:
    return f"{client.meta.service_model.service_name} {operation}"


def _httpx(_: object, request: httpx.Request) -> str:
    return f"provider {request.method} {request.url.path}"


def _requests(_: object, request: Any, *__: object, **___: object) -> str:
    return f"provider {request.method} {request.path_url}"


_SEAMS: tuple[tuple[Any, str, Callable[..., str]], ...] = (
    (psycopg.Cursor, "execute", _statement),
    (psycopg.Cursor, "executemany", _statement),
    (psycopg.Cursor, "copy", _statement),
    (botocore.client.BaseClient, "_make_api_call", _aws),
    (httpx.HTTPTransport, "handle_request", _httpx),
    (httpx.AsyncHTTPTransport, "handle_async_request", _httpx),
    (requests.adapters.HTTPAdapter, "send", _requests),
)
