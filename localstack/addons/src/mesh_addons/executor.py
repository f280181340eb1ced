"""Lambda functions as processes of this machine, each run by AWS's own runtime interface client (`awslambdaric`).

The interpreter is `MESH_FUNCTION_PYTHON`: it has `awslambdaric` and what the functions import; only their own code is
in their packages. A process gets the function's environment and nothing of LocalStack's but PATH, HOME, TMPDIR and the
names in `MESH_FUNCTION_PASSES`.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from localstack import config
from mesh_addons.runtime_api import Answer, RuntimeApi

_POLL_S = 0.05
_OUR_OWN = ("PATH", "HOME", "TMPDIR", "LANG")


@dataclass(frozen=True, slots=True)
class _Running:
    """A process, and what it asks for invocations."""

    process: subprocess.Popen[bytes]
    api: RuntimeApi

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None


class ProcessRuntimeExecutor(RuntimeExecutor):
    """One execution environment: a process that handles one invocation at a time, and is started again when it died."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id, function_version)
        self._variables: dict[str, str] = {}
        self._running: _Running | None = None
        # What a process writes is in this file before it answers; a pipe would have to be read beside it.
        self._output = tempfile.NamedTemporaryFile(prefix=f"lambda-{id}-", suffix=".log")  # noqa: SIM115 - until `stop`

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the process and wait until it asks for an invocation.

        Raises StatusErrorException with Lambda's error document when the function's module cannot be imported, or does
        not end its import in time.
        """
        self._variables = {name: str(value) for name, value in env_vars.items()}
        self._spawn()

    def stop(self) -> None:
        """End the process."""
        self._end()
        self._output.close()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run one invocation; a process that dies or takes too long is an error result, as on AWS."""
        request, timeout = payload["invoke-id"], self.function_version.config.timeout
        lines = [f"START RequestId: {request} Version: {self.function_version.id.qualifier}"]
        begun = time.monotonic()
        try:
            running = self._running
            if running is None or running.has_ended:
                running = self._spawn()
            answer = self._ask(running, payload, request, timeout)
        except StatusErrorException as error:
            answer = Answer(error.payload, is_error=True)
        memory = self._memory_mb()
        if self._running is not None and self._running.has_ended:
            self._end()
        took_ms = (time.monotonic() - begun) * 1000
        lines += self._written().splitlines()
        lines += [
            f"END RequestId: {request}",
            f"REPORT RequestId: {request}\tDuration: {took_ms:.2f} ms\tBilled Duration: {int(took_ms) + 1} ms"
            f"\tMemory Size: {self.function_version.config.memory_size} MB\tMax Memory Used: {memory} MB",
        ]
        return InvocationResult(request, answer.body, answer.is_error, "\n".join(lines) + "\n")

    def get_address(self) -> str:
        """Everything is on this machine."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """The host at which functions find LocalStack."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """Of no use without LocalStack's own init program; it only has to be an address."""
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}"

    def get_logs(self) -> str:
        """What the process has written since the last invocation."""
        return Path(self._output.name).read_text(encoding="utf-8", errors="replace")

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code, once for all processes of a version."""
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing: LocalStack deletes the unpacked code."""

    def _spawn(self) -> _Running:
        self._end()
        code = str(self.function_version.config.code.get_unzipped_code_location())
        api = RuntimeApi()
        passed = (*_OUR_OWN, *os.environ.get("MESH_FUNCTION_PASSES", "").split())
        environment = {
            **{name: os.environ[name] for name in passed if name in os.environ},
            **self._variables,
            "LAMBDA_TASK_ROOT": code,
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "PYTHONPATH": code,
            "PYTHONUNBUFFERED": "1",
            "TZ": "UTC",
        }
        with Path(self._output.name).open("ab") as output:
            process = subprocess.Popen(
                [os.environ["MESH_FUNCTION_PYTHON"], "-m", "awslambdaric", self.function_version.config.handler],
                cwd=code,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        running = self._running = _Running(process, api)
        deadline = time.monotonic() + config.LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT
        while not api.ready.wait(_POLL_S):
            if running.has_ended:
                raise self._init_error("Runtime.ExitError", f"Error: Runtime exited with {_ended(process)}")
            if time.monotonic() > deadline:
                raise self._init_error("Sandbox.Timedout", "Error: the function was not imported in time")
        if api.init_error is not None:
            raise StatusErrorException("the function cannot be imported", payload=api.init_error)
        return running

    def _init_error(self, kind: str, message: str) -> StatusErrorException:
        written = self.get_logs()[-2000:]
        self._end()
        document = {"errorType": kind, "errorMessage": message, "stackTrace": written.splitlines()[-20:]}
        return StatusErrorException(message, payload=json.dumps(document).encode())

    def _ask(self, running: _Running, payload: dict[str, str], request: str, timeout_s: int) -> Answer:
        deadline = time.monotonic() + timeout_s
        running.api.send(payload, time.time() + timeout_s)
        while True:
            died = running.has_ended
            # Once more after its end: it may have answered just before.
            left = max(deadline - time.monotonic(), _POLL_S)
            answer = running.api.receive(request, _POLL_S if died else min(1.0, left))
            if answer is not None:
                return answer
            if died:
                return _error(request, "Runtime.ExitError", f"Error: Runtime exited with {_ended(running.process)}")
            if time.monotonic() >= deadline:
                self._end()
                return _error(request, "Sandbox.Timedout", f"Error: Task timed out after {timeout_s:.2f} seconds")

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.process.kill()
            running.process.wait()
            running.api.close()

    def _written(self) -> str:
        """What the process wrote since the last call. It appends, so that the file can be emptied under it."""
        text = self.get_logs()
        os.truncate(self._output.name, 0)
        return text

    def _memory_mb(self) -> int:
        try:
            return int(psutil.Process(self._running.process.pid).memory_info().rss / 1024**2) if self._running else 0
        except psutil.Error:
            return 0


def _ended(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"signal: {-code}" if code < 0 else f"exit status {code}"


def _error(request: str, kind: str, message: str) -> Answer:
    document = {"errorType": kind, "errorMessage": f"RequestId: {request} {message}"}
    return Answer(json.dumps(document).encode(), is_error=True)
