"""Execution environments: processes in which handlers run, one invocation at a time, as in Lambda.

Handlers keep a database connection and other state in module globals and are not thread-safe, so several at once are
several processes. An environment is started when an invocation finds none idle, and ended when it was idle for long,
when its credentials are about to expire, and when its handler exceeds the function's timeout.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from serving.errors import BusyError, EnvironmentEndedError, HandlerError, InitError, TimedOutError
from serving.log import log
from serving.metrics import Metrics
from serving.plan import FunctionPlan

#: Lambda gives a start 10 s; a container on a busy machine may take longer.
INIT_TIMEOUT_S: Final = 60.0
_END_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a new environment, and until when (`time.time`) the credentials among them are good."""

    values: Mapping[str, str]
    expire_at: float | None = None


class Environment:
    """One process that handles one event at a time.

    Raises InitError where it cannot start, and EnvironmentEndedError where it dies meanwhile.
    """

    def __init__(self, function: FunctionPlan, variables: Variables, init_timeout_s: float = INIT_TIMEOUT_S) -> None:
        self._function = function
        self.expire_at = variables.expire_at
        self.idle_since = time.monotonic()
        try:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "serving.runtime", function.handler, str(theirs.fileno())],
                    env=dict(variables.values),
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
                self._connection = Connection(ours.detach())
        except OSError as error:  # no memory, too many processes or open files
            raise InitError(type(error).__name__, f"no process can be started: {error}") from error
        self._receive(init_timeout_s, InitError, f"{function.handler} was not imported within {init_timeout_s:.0f} s")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def invoke(self, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the handler returns
        """The handler's result.

        Raises HandlerError; TimedOutError and EnvironmentEndedError, after which the environment is of no more use.
        """
        timeout_s = float(self._function.timeout_s)
        order = {
            "event": event,
            "request_id": str(uuid.uuid4()),
            "deadline": time.time() + timeout_s,
            "function_arn": self._function.arn,
        }
        try:
            self._connection.send_bytes(json.dumps(order).encode())
        except OSError:
            self.kill()
            raise self._ended() from None
        return self._receive(timeout_s, TimedOutError, f"Task timed out after {timeout_s:.2f} seconds").get("result")

    def end(self) -> None:
        """Let it end: it is idle."""
        self._connection.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it whatever it does."""
        self._process.kill()
        self._process.wait()

    def _receive(self, timeout_s: float, late: type[InitError | TimedOutError], message: str) -> dict[str, Any]:
        try:
            if not self._connection.poll(timeout_s):
                self.kill()
                raise late("Sandbox.Timedout", message)
            answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):  # a plain OSError where it ended in the middle of its answer
            self.kill()
            raise self._ended() from None
        if (fault := answer.get("error")) is None:
            return answer
        if late is InitError:
            self.end()
            raise InitError(**fault)
        raise HandlerError(**fault)

    def _ended(self) -> EnvironmentEndedError:
        code = self._process.returncode
        return EnvironmentEndedError("Runtime.ExitError", f"the environment ended with exit code {code}")


class Pool:
    """The environments of one function: at most `size`. Safe to use from several threads."""

    def __init__(
        self,
        function: FunctionPlan,
        size: int,
        variables: Callable[[FunctionPlan], Variables],
        metrics: Metrics,
        idle_s: float = 300.0,
    ) -> None:
        self.function = function
        self.size = size
        self._variables = variables
        self._metrics = metrics
        self._idle_s = idle_s
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Environment] = []
        self._busy: set[Environment] = set()
        self._is_closed = False

    @property
    def environments(self) -> int:
        """How many there are."""
        with self._lock:
            return len(self._idle) + len(self._busy)

    @property
    def in_flight(self) -> int:
        """How many handle an event now."""
        with self._lock:
            return len(self._busy)

    def invoke(self, event: Mapping[str, Any], wait_s: float | None = None) -> Any:  # noqa: ANN401 - as the handler's
        """The handler's result.

        Raises InvocationError; BusyError where no environment became free within `wait_s` (None: waits for ever).
        """
        if not self._free.acquire(timeout=wait_s):
            raise BusyError(f"{self.function.key}: no environment became free within {wait_s:.0f} s")
        try:
            return self._invoke(event)
        finally:
            self._free.release()

    def warm(self) -> None:
        """Start one environment where there is none. Raises as `Environment` does."""
        with self._lock:
            if self._idle or self._busy:
                return
        self._put_back(self._start())

    def reap(self) -> None:
        """End what was idle for long, whose credentials expire, or what has ended by itself."""
        now = time.monotonic()
        with self._lock:
            gone = [one for one in self._idle if now - one.idle_since > self._idle_s or self._is_spent(one)]
            self._idle = [one for one in self._idle if one not in gone]
        for one in gone:
            self._end(one, "idle")

    def close(self, *, kill: bool = False) -> None:
        """End all environments; those that are handling too where `kill`."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy) if kill else []
        for one in [*idle, *busy]:
            one.kill() if kill else one.end()

    def _invoke(self, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the handler's
        environment = self._take()
        begun = time.monotonic()
        outcome = "failed"
        try:
            result = environment.invoke(event)
            outcome = "ok"
        except TimedOutError:
            outcome = "timed out"
            raise
        finally:
            self._metrics.invoked(self.function.key, outcome, time.monotonic() - begun)
            self._put_back(environment)
        return result

    def _take(self) -> Environment:
        while True:
            with self._lock:
                if not self._idle:
                    break
                environment = self._idle.pop()  # the one that was used last: others become idle for long
                if not self._is_spent(environment):
                    self._busy.add(environment)
                    return environment
            self._end(environment, "replaced")
        environment = self._start()
        with self._lock:
            self._busy.add(environment)
        return environment

    def _start(self) -> Environment:
        begun = time.monotonic()
        try:
            # What the variables need may fail, too: credentials.
            environment = Environment(self.function, self._variables(self.function))
        except InitError as error:
            self._metrics.environment(self.function.key, "not started")
            log.error("the environment could not start", extra={"function": self.function.key, "error": str(error)})
            raise
        self._metrics.environment(self.function.key, "started")
        seconds = round(time.monotonic() - begun, 2)
        log.info("environment started", extra={"function": self.function.key, "pid": environment.pid, "s": seconds})
        return environment

    def _put_back(self, environment: Environment) -> None:
        environment.idle_since = time.monotonic()
        with self._lock:
            self._busy.discard(environment)
            keep = not self._is_closed and not environment.has_ended
            if keep:
                self._idle.append(environment)
        if not keep:
            self._end(environment, "ended" if environment.has_ended else "closed")

    def _is_spent(self, environment: Environment) -> bool:
        return environment.has_ended or (environment.expire_at is not None and time.time() > environment.expire_at)

    def _end(self, environment: Environment, reason: str) -> None:
        self._metrics.environment(self.function.key, reason)
        environment.end()


def inherited() -> dict[str, str]:
    """The container's own variables, which functions get too, below those that the manifests declare."""
    return dict(os.environ)
