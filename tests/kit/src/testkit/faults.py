"""Faults at the edges, one at a time, in what is real otherwise.

- `AwsCalls` notes what a boto3 client sends and answers chosen calls in the service's stead. Unit tests use it with
  `offline_aws` (requests are validated and serialised as ever, and go nowhere), integration tests with the emulator's
  clients, where the other calls have their effect.
- `losing_connection` ends a Postgres session at a chosen statement: what a restart or a fail-over does.
- `at_once` runs workers side by side; `waiting` proves that one of them waits for a lock of another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any, TypeVar

import psycopg
import pytest
from botocore.exceptions import ClientError

from chassis.aws import Aws, Credentials
from chassis.database import Database
from testkit.polling import eventually

T = TypeVar("T")

#: Answers a call, given its parameters; None leaves it to the service, raising is what the caller of the client sees.
Rule = Callable[[dict[str, Any]], Mapping[str, Any] | None]


class AwsCalls:
    """The calls that a client makes while the block runs: operation and parameters, in the order in which they began.

    `rules` name what answers an operation; they may change meanwhile. Without a rule the call reaches the service;
    offline it is a LookupError.
    """

    def __init__(self, client: Any, **rules: Rule) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.rules = rules
        self._offline = client.meta.endpoint_url == _OFFLINE.endpoint_url
        self._events = client.meta.events
        self._hooks = {"provide-client-params": self._note, "before-call": self._answer}

    def of(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of each call of that operation."""
        return [parameters for name, parameters in self.made if name == operation]

    def __enter__(self) -> AwsCalls:
        for event, hook in self._hooks.items():
            self._events.register(event, hook)
        return self

    def __exit__(self, *_: object) -> None:
        for event, hook in self._hooks.items():
            self._events.unregister(event, hook)

    def _note(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        context["parameters"] = dict(params)
        self.made.append((model.name, context["parameters"]))

    def _answer(self, model: Any, context: dict[str, Any], **_: object) -> tuple[Any, Mapping[str, Any]] | None:
        rule = self.rules.get(model.name)
        if rule is None and self._offline:
            raise LookupError(f"no rule answers {model.name}")
        answer = None if rule is None else rule(context["parameters"])
        return None if answer is None else (SimpleNamespace(status_code=200), answer)


def answers(**answer: Any) -> Rule:
    """Every call gets this answer."""
    return lambda _: answer


def fails(code: str = "InternalError", *, times: int | None = None) -> Rule:
    """The service answers with this error: every time, or the first `times` and is well again."""
    return raises(ClientError({"Error": {"Code": code, "Message": "on purpose"}}, "AnyOperation"), times=times)


def raises(error: Exception, *, times: int | None = None) -> Rule:
    """The client raises this: every time, or the first `times`."""
    left = [times]

    def rule(_: dict[str, Any]) -> None:
        if left[0] is not None:
            if left[0] == 0:
                return
            left[0] -= 1
        raise error

    return rule


def accepts_events(*, but: Callable[[dict[str, Any]], bool] = lambda _: False) -> Rule:
    """EventBridge accepts every entry but those of which `but` is true: these it refuses as when it throttles."""
    refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "on purpose"}

    def rule(call: dict[str, Any]) -> Mapping[str, Any]:
        results = [refused if but(entry) else {"EventId": str(place)} for place, entry in enumerate(call["Entries"])]
        return {"FailedEntryCount": results.count(refused), "Entries": results}

    return rule


@pytest.fixture
def offline_aws() -> Aws:
    """An environment that nobody answers for: every call needs a rule of `AwsCalls`."""
    return _OFFLINE


_OFFLINE = Aws("http://offline.invalid", "us-east-1", Credentials("nobody", "nothing"))


@contextmanager
def losing_connection(database: Database, statement: str, *, executed: bool = False) -> Iterator[None]:
    """The open session ends when it is to execute a statement that contains this text; the next session is a good one.

    With `executed` it ends right after the server has executed the statement, so that only its answer is lost.
    """
    connection = database.connection()
    execute = connection.execute

    def executes(query: Any, *arguments: Any, **options: Any) -> Any:
        if statement not in str(query):
            return execute(query, *arguments, **options)
        if executed:
            execute(query, *arguments, **options)
        with suppress(psycopg.OperationalError):
            execute("SELECT pg_terminate_backend(pg_backend_pid(), 5000)")
        return execute(query, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "execute", executes)
        yield


def at_once(*jobs: Callable[[], T]) -> list[T]:
    """Run the jobs in threads that start together; their results, in order. Raises what the first to fail raises."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        barrier.wait(10)
        return job()

    with ThreadPoolExecutor(len(jobs)) as threads:
        return list(threads.map(run, jobs))


def waiting(dsn: str, job: Callable[[], T]) -> Future[T]:
    """Run the job in a thread; returns its future once its session waits for a lock of another.

    `dsn` is that of a superuser in the database. A job that ends without having waited is a failure.
    """
    threads = ThreadPoolExecutor(1)
    future = threads.submit(job)
    threads.shutdown(wait=False)
    with psycopg.connect(dsn, autocommit=True) as watcher:

        def blocked() -> bool:
            assert not future.done(), f"it did not wait: {future.exception() or future.result()!r}"
            row = watcher.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
            return row != (0,)

        eventually(blocked, timeout_s=10, every_s=0.01)
    return future
