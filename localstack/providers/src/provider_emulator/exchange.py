"""The steps of every provider request: key, body, fault, work, answer, log. What differs is the provider's dialect."""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from provider_emulator.bodies import read_body
from provider_emulator.engine import Engine
from provider_emulator.errors import BadRequestError, NotReadyError, RequestError, UnauthorizedError
from provider_emulator.faults import Fault, FaultBook, Provider
from provider_emulator.prompt import JsonObject, Kind
from provider_emulator.request_log import RequestLog, loggable_body, loggable_headers

_TIMEOUT_S = 600.0
_SLOW_S = 2.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Task:
    """A request to work on: its JSON body, the engine, and which fault the model itself is to show."""

    body: JsonObject
    engine: Engine
    malformed: bool = False
    refuse: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of the work: a JSON body or server-sent events; `broken` when the fault is in it already."""

    kind: Kind
    body: JsonObject = field(default_factory=dict)
    events: Sequence[bytes] | None = None
    status: int = 200
    broken: bool = False


class Dialect(Protocol):
    """How a provider reports an error."""

    provider: Provider

    def error(self, status: int, message: str, param: str | None) -> JsonObject: ...


Work = Callable[[Task], Awaitable[Outcome]]


@dataclass(slots=True)
class _Record:
    status: int = 500
    kind: Kind | None = None
    fault: str | None = None
    model: str | None = None
    body: Any = None


class Exchange:
    """Serves requests of all providers over one engine, one fault book and one request log."""

    def __init__(self, engine: Engine, faults: FaultBook, log: RequestLog) -> None:
        self.engine = engine
        self.faults = faults
        self.log = log

    def endpoint(self, dialect: Dialect, work: Work) -> Callable[[Request], Awaitable[Response]]:
        """A Starlette endpoint for the dialect."""

        async def serve(request: Request) -> Response:
            started, begun = time.perf_counter(), self.log.begin()
            raw, record = b"", _Record()
            try:
                raw = await read_body(request)
                response = await self._answer(request, raw, dialect, work, record)
                record.status = response.status_code
                return response
            except RequestError as error:
                record.status = error.status
                return _json(error.status, dialect.error(error.status, error.message, None))
            finally:
                self.log.add(
                    begun,
                    method=request.method,
                    path=request.url.path,
                    provider=dialect.provider,
                    kind=record.kind,
                    model=record.model,
                    authentication=_authentication(request),
                    headers=loggable_headers(request.headers),
                    body=record.body,
                    body_sha256=hashlib.sha256(raw).hexdigest(),
                    status=record.status,
                    duration_ms=round(1000 * (time.perf_counter() - started), 2),
                    fault=record.fault,
                )

        return serve

    async def _answer(self, request: Request, raw: bytes, dialect: Dialect, work: Work, record: _Record) -> Response:
        try:
            if _authentication(request) is None:
                raise UnauthorizedError("no API key: send it as `Authorization: Bearer` or `x-api-key`")
            body = _parsed(raw)
            record.model, record.body = _text(body, "model"), loggable_body(body)
            cleared, fault = self.faults.cleared, self.faults.take(dialect.provider, raw)
            if fault is not None:
                record.fault = fault.kind if fault.kind != "status" else f"status {fault.status}"
                failed = await _failing(request, fault, dialect, lambda: self.faults.cleared != cleared)
                if failed is not None:
                    return failed
            kind = fault.kind if fault else None
            task = Task(body, self.engine, malformed=kind == "malformed", refuse=kind == "refusal")
            outcome = await work(task)
            record.kind = outcome.kind
            return _response(outcome, cut=task.malformed and not outcome.broken)
        except RequestError as error:
            return _json(error.status, dialect.error(error.status, error.message, error.param))
        except NotReadyError as error:
            return _json(503, dialect.error(503, str(error), None))


def _authentication(request: Request) -> str | None:
    """How the caller sent a key; None if it did not."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return "bearer"
    return "x-api-key" if request.headers.get("x-api-key", "").strip() else None


def _parsed(raw: bytes) -> JsonObject:
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"the request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequestError("the request body must be a JSON object")
    return body


def _text(body: JsonObject, name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None


async def _failing(request: Request, fault: Fault, dialect: Dialect, is_cleared: Callable[[], bool]) -> Response | None:
    """The response of a fault that replaces the answer; None after the delay of one that only slows it."""
    if fault.kind == "status":
        headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
        return _json(fault.status, dialect.error(fault.status, f"fault injected: {fault.status}", None), headers)
    if fault.kind == "timeout":
        await _hold(request, _TIMEOUT_S if fault.delay_s is None else fault.delay_s, is_cleared)
        return _json(504, dialect.error(504, "fault injected: time-out", None))
    if fault.kind == "slow":
        await _hold(request, _SLOW_S if fault.delay_s is None else fault.delay_s, is_cleared)
    return None


async def _hold(request: Request, seconds: float, is_cleared: Callable[[], bool]) -> None:
    """Waits that long, or until the caller has gone or the faults are cleared."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not is_cleared() and not await request.is_disconnected():
        await asyncio.sleep(min(left, _LOOK_S))


def _json(status: int, body: JsonObject, headers: dict[str, str] | None = None) -> Response:
    content = json.dumps(body, ensure_ascii=False).encode()
    return Response(content, status, {"content-type": "application/json", **(headers or {})})


def _response(outcome: Outcome, *, cut: bool) -> Response:
    if outcome.events is not None:
        events = outcome.events[: len(outcome.events) // 2] if cut else outcome.events
        return StreamingResponse(_each(events), outcome.status, {"cache-control": "no-cache"}, "text/event-stream")
    response = _json(outcome.status, outcome.body)
    if cut:
        content = bytes(response.body)
        return Response(content[: len(content) // 2], outcome.status, {"content-type": "application/json"})
    return response


async def _each(events: Sequence[bytes]) -> Any:  # noqa: ANN401 # an async generator of bytes
    for event in events:
        yield event
