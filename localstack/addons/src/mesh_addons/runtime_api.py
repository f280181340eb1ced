"""AWS's Lambda Runtime API for one process: what `awslambdaric` polls for invocations, and answers to."""

from __future__ import annotations

import json
import queue
import threading
import time
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_BASE = "/2018-06-01/runtime"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answered: its JSON, and whether it is an error."""

    body: bytes
    is_error: bool


class RuntimeApi:
    """The server of one environment, on a free port of this machine, from its creation to `close`."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[dict[str, str], float] | None] = queue.Queue()
        self._answers: queue.Queue[tuple[str, Answer]] = queue.Queue()
        #: Set by the first request for an invocation: the function's module has been imported.
        self.ready = threading.Event()
        #: Why it could not be imported.
        self.init_error: bytes | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        # `shutdown` takes as long as it polls.
        serve = partial(self._server.serve_forever, poll_interval=0.05)
        threading.Thread(target=serve, name="lambda-runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        """Host and port, as `AWS_LAMBDA_RUNTIME_API` has them."""
        return f"127.0.0.1:{self._server.server_port}"

    def send(self, invocation: dict[str, str], deadline_s: float) -> None:
        """Hand over an invocation (`invoke-id`, `invoked-function-arn`, `payload`, `trace-id`); the deadline is in
        seconds since the epoch."""
        self._waiting.put((invocation, deadline_s))

    def receive(self, invoke_id: str, timeout_s: float) -> Answer | None:
        """The answer to an invocation; None when there is none within the time. Late answers to others are dropped."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                answered, answer = self._answers.get(timeout=left)
            except queue.Empty:
                return None
            if answered == invoke_id:
                return answer
        return None

    def close(self) -> None:
        """End the server, and the request of a process that waits for an invocation."""
        self._waiting.put(None)
        self._server.shutdown()
        self._server.server_close()

    def _next(self) -> tuple[dict[str, str], float] | None:
        self.ready.set()
        return self._waiting.get()

    def _post(self, path: str, body: bytes) -> bool:
        """Take what the process posts; whether there is such a path."""
        parts = path.removeprefix(_BASE).strip("/").split("/")
        if parts == ["init", "error"]:
            self.init_error = body
            self.ready.set()
            return True
        if len(parts) != 3 or parts[0] != "invocation" or parts[2] not in {"response", "error"}:
            return False
        self._answers.put((parts[1], Answer(body, parts[2] == "error")))
        return True


def _handler_of(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Unbuffered small writes wait 40 ms for the acknowledgement of the one before.
        wbufsize = 65536
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path != f"{_BASE}/invocation/next":
                self._answer(404, b"{}")
                return
            found = api._next()
            if found is None:
                self._answer(410, b"{}")
                return
            invocation, deadline_s = found
            headers = {
                "Lambda-Runtime-Aws-Request-Id": invocation["invoke-id"],
                "Lambda-Runtime-Deadline-Ms": str(int(deadline_s * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": invocation["invoked-function-arn"],
                "Lambda-Runtime-Trace-Id": invocation.get("trace-id", ""),
            }
            self._answer(200, invocation["payload"].encode(), headers)

        def do_POST(self) -> None:
            known = api._post(self.path, self._body())
            self._answer(202 if known else 404, json.dumps({"status": "OK" if known else "unknown"}).encode())

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Nothing: every invocation would be two lines of LocalStack's log."""

    return Handler
