"""How much is worked on at once: the memory of one request is bounded by its size, that of all by this.

A request that finds no room waits before its body is read; after a while it is answered as overloaded providers do.
"""

import asyncio
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from provider_emulator.bodies import LARGEST_BODY

#: Bytes of bodies at once. What is made of a body may take 30 times as much: JSON of nothing but empty lists.
LIMIT: Final = 2 * LARGEST_BODY
#: What a request counts at least: its answer may be larger than itself.
_LEAST: Final = 1024 * 1024
_WAIT_S: Final = 30.0


class Capacity:
    """ASGI middleware: lets requests with a body in while there is room for them, until they are answered."""

    def __init__(self, app: ASGIApp, *, limit: int = LIMIT, wait_s: float = _WAIT_S) -> None:
        self._app, self._limit, self._wait_s = app, limit, wait_s
        self._used = 0
        self._freed = asyncio.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = _size(scope)
        if not size:
            await self._app(scope, receive, send)
        elif await self._take(size):
            try:
                await self._app(scope, receive, send)
            finally:
                await self._give_back(size)
        else:
            await _overloaded(scope["path"])(scope, receive, send)

    async def _take(self, size: int) -> bool:
        try:
            async with asyncio.timeout(self._wait_s), self._freed:
                await self._freed.wait_for(lambda: self._used + size <= self._limit)
                self._used += size
        except TimeoutError:
            return False
        return True

    async def _give_back(self, size: int) -> None:
        async with self._freed:
            self._used -= size
            self._freed.notify_all()


def _size(scope: Scope) -> int:
    """What the request counts; 0 without a body. One that does not say how long it is may be of any size.

    No more than the largest body: of no request is more read (`bodies`).
    """
    headers = dict(scope.get("headers", ()))
    if b"transfer-encoding" in headers:
        return LARGEST_BODY
    announced = int(headers.get(b"content-length", b"0"))
    return min(max(announced, _LEAST), LARGEST_BODY) if announced else 0


def _overloaded(path: str) -> JSONResponse:
    """In a form that every provider's client understands; only Anthropic has a status of its own for it."""
    message = "Overloaded"
    body = {"type": "error", "error": {"type": "overloaded_error", "message": message}, "detail": message}
    return JSONResponse(body, 529 if path.startswith("/v1/messages") else 503, {"retry-after": "1"})
