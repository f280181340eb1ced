"""The management port: `/healthz`, `/readyz`, `/metrics`, and direct invocations where they are on.

Probes and metrics are for the platform, not for the Internet: they have a port of their own. An invocation
(`POST /2015-03-31/functions/NAME/invocations`) is the one of AWS's API, so that its SDKs can be pointed here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from serving.environments import Pool
from serving.errors import BusyError, InvocationError
from serving.metrics import Metrics
from serving.readiness import Readiness
from serving.web import MAX_BYTES, Receive, Scope, Send, read_body

_INVOCATION: Final = re.compile(r"/2015-03-31/functions/([A-Za-z0-9-]+)/invocations")
_JSON: Final = "application/json"


class ManagementApplication:
    """The ASGI application of the management port; `functions` are those that may be invoked, by name."""

    def __init__(
        self,
        readiness: Readiness,
        metrics: Metrics,
        functions: Mapping[str, Pool],
        executor: ThreadPoolExecutor,
        refresh: Callable[[], None],
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._functions = functions
        self._executor = executor
        self._refresh = refresh

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served")
        path, method = scope["path"], scope["method"]
        if method == "POST" and (found := _INVOCATION.fullmatch(path)):
            if found[1] in self._functions:
                await self._invoke(found[1], scope, receive, send)
            else:
                missing = json.dumps({"Type": "User", "Message": f"Function not found: {found[1]}"}).encode()
                await _answer(send, 404, missing, headers=[(b"x-amzn-errortype", b"ResourceNotFoundException")])
        elif method in {"GET", "HEAD"} and path == "/healthz":
            await _answer(send, 200, b'{"alive": true}')
        elif method in {"GET", "HEAD"} and path == "/readyz":
            state = self._readiness.state()
            await _answer(send, 200 if state["ready"] else 503, json.dumps(state).encode())
        elif method == "GET" and path == "/metrics":
            self._refresh()
            await _answer(send, 200, generate_latest(self._metrics.registry), CONTENT_TYPE_LATEST)
        else:
            await _answer(send, 404, b'{"message": "Not Found"}')

    async def _invoke(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(scope, receive)
        try:
            event = json.loads(body or b"{}") if body is not None else None
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            text = f"the payload is no JSON object of at most {MAX_BYTES} bytes"
            await _answer(send, 400, json.dumps({"Type": "User", "message": text}).encode())
            return
        try:
            result = await asyncio.get_running_loop().run_in_executor(
                self._executor, self._functions[name].invoke, event, 60.0
            )
        except InvocationError as error:
            fault = json.dumps(error.as_payload()).encode()
            await _answer(send, 200, fault, headers=[(b"x-amz-function-error", b"Unhandled")])
        except BusyError as error:
            await _answer(send, 429, json.dumps({"Type": "User", "message": str(error)}).encode())
        else:
            await _answer(send, 200, json.dumps(result).encode())


async def _answer(
    send: Send, status: int, body: bytes, content_type: str = _JSON, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    given = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})
