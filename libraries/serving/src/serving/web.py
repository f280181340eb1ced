"""The routes of services as an ASGI application: what an HTTP API of API Gateway does in front of Lambda.

Tokens are verified, requests become events of payload format 2.0, results become answers. Where it answers itself, it
does as the gateway: 401, 404, 413, 500 and 503 with `{"message": …}`. Requests are not throttled: that is left to what
balances the load between containers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

from manifests.topology import Cors
from serving.errors import BusyError, InvocationError
from serving.log import log
from serving.metrics import Metrics
from serving.payloads import Answer, MalformedResultError, Request, Routes, answer_of, event_of
from serving.plan import FunctionPlan
from serving.poller import Invoked
from serving.tokens import KeysUnavailableError, TokenVerifier, UnauthorizedError, as_text

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: The largest request that an HTTP API takes.
MAX_BYTES: Final = 10 * 1024 * 1024
_TOO_LARGE: Final = Answer.of_gateway(413, "Request Entity Too Large")
_NOT_FOUND: Final = Answer.of_gateway(404, "Not Found")
_UNAUTHORIZED: Final = Answer.of_gateway(401, "Unauthorized", {"www-authenticate": "Bearer"})
_FAILED: Final = Answer.of_gateway(500, "Internal Server Error")
_BUSY: Final = Answer.of_gateway(503, "Service Unavailable", {"retry-after": "1"})


class Verifier(Protocol):
    """What verifies tokens: a `serving.tokens.TokenVerifier`."""

    def claims(self, authorization: str) -> dict[str, Any]:
        """The claims of the token."""


class WebApplication:
    """The ASGI application of these functions."""

    def __init__(
        self,
        functions: Mapping[FunctionPlan, Invoked],
        verifier: Verifier | TokenVerifier,
        cors: Cors,
        metrics: Metrics,
        executor: ThreadPoolExecutor,
    ) -> None:
        routes = [(route, plan) for plan in functions for route in plan.routes]
        self._routes = Routes(route.key for route, _ in routes)
        self._functions = {route.key: (plan, functions[plan]) for route, plan in routes}
        self._public = {route.key for route, _ in routes if route.is_public}
        self._verifier = verifier
        self._cors = cors
        self._metrics = metrics
        self._executor = executor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other protocols than HTTP are not spoken."""
        if scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served")
        try:
            body = await read_body(scope, receive)
        except ConnectionResetError:
            return
        request = _request(scope, body or b"")
        route, answer = ("", _TOO_LARGE) if body is None else await self._answer(request)
        self._metrics.request(route or "none", answer.status)
        await _send(send, answer, self._cors_headers(request, answer), is_head=request.method == "HEAD")

    async def _answer(self, request: Request) -> tuple[str, Answer]:
        if request.method == "OPTIONS":
            return "preflight", self._preflight(request)
        if (found := self._routes.match(request.method, request.path)) is None:
            return "", _NOT_FOUND
        return found[0], await asyncio.get_running_loop().run_in_executor(self._executor, self._invoke, request, *found)

    def _invoke(self, request: Request, route: str, parameters: dict[str, str]) -> Answer:
        plan, function = self._functions[route]
        claims = None
        if route not in self._public:
            try:
                verified = self._verifier.claims(request.header("authorization"))
            except UnauthorizedError:
                return _UNAUTHORIZED
            except KeysUnavailableError as error:
                log.error("tokens cannot be verified", extra={"error": str(error)})
                return _BUSY
            claims = {name: as_text(value) for name, value in verified.items()}
        event = event_of(request, route, parameters, claims)
        try:
            return answer_of(function.invoke(event, wait_s=float(plan.timeout_s)))
        except BusyError:
            return _BUSY
        except InvocationError as error:
            log.error("a request has failed", extra={"route": route, "error": str(error), "trace": error.trace})
        except MalformedResultError as error:
            log.error("a handler's answer is malformed", extra={"route": route, "error": str(error)})
        return _FAILED

    def _preflight(self, request: Request) -> Answer:
        if not self._allowed(request.header("origin")):
            return Answer.of_gateway(403, "CORS origin denied")
        headers = (
            ("access-control-allow-methods", ",".join(self._cors.methods)),
            ("access-control-allow-headers", ",".join(self._cors.headers)),
            ("access-control-max-age", str(self._cors.max_age_s)),
        )
        return Answer(204, headers)

    def _allowed(self, origin: str) -> str | None:
        if not origin:
            return None
        if "*" in self._cors.origins:
            return "*"
        return origin if origin in self._cors.origins else None

    def _cors_headers(self, request: Request, answer: Answer) -> list[tuple[str, str]]:
        allowed = self._allowed(request.header("origin"))
        if allowed is None:
            return []
        added = {"access-control-allow-origin": allowed, "access-control-expose-headers": ",".join(self._cors.exposed)}
        headers = [(name, value) for name, value in added.items() if answer.header(name) is None]
        return headers if allowed == "*" else [*headers, ("vary", "origin")]


async def read_body(scope: Scope, receive: Receive) -> bytes | None:
    """The body; None where it is too large. Raises ConnectionResetError where the client has gone."""
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if int(declared) > MAX_BYTES:
        return None
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _request(scope: Scope, body: bytes) -> Request:
    raw = scope.get("raw_path") or scope["path"].encode()
    return Request(
        method=scope["method"],
        raw_path=raw.partition(b"?")[0].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body,
        source_ip=(scope.get("client") or ("",))[0],
        protocol=f"HTTP/{scope.get('http_version', '1.1')}",
    )


async def _send(send: Send, answer: Answer, more: list[tuple[str, str]], *, is_head: bool) -> None:
    headers = [*answer.headers, *more]
    if answer.header("content-length") is None and answer.may_have_length:
        headers.append(("content-length", str(len(answer.body))))
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers],
        }
    )
    await send({"type": "http.response.body", "body": b"" if is_head or not answer.may_have_length else answer.body})
