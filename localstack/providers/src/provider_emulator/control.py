"""The emulator's own routes: faults, request log, mode, health. No key is needed: the server is on loopback only."""

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provider_emulator.bodies import read_body
from provider_emulator.engine import Engine, Mode
from provider_emulator.errors import BadRequestError
from provider_emulator.faults import Fault, FaultBook
from provider_emulator.request_log import KEPT, RequestLog

_DEFAULT_LIMIT = 100
_LARGEST_BODY = 64 * 1024  # bytes


class _ModeChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mode: Mode


class Control:
    """Endpoints over the engine, the fault book and the request log."""

    def __init__(self, engine: Engine, faults: FaultBook, log: RequestLog) -> None:
        self._engine = engine
        self._faults = faults
        self._log = log

    def routes(self) -> list[Route]:
        return [
            Route("/_faults", self.add_fault, methods=["POST"]),
            Route("/_faults", self.list_faults, methods=["GET"]),
            Route("/_faults", self.clear_faults, methods=["DELETE"]),
            Route("/_requests", self.list_requests, methods=["GET"]),
            Route("/_requests", self.clear_requests, methods=["DELETE"]),
            Route("/_mode", self.set_mode, methods=["POST"]),
            Route("/_health", self.health, methods=["GET"]),
        ]

    async def add_fault(self, request: Request) -> Response:
        try:
            fault = Fault.model_validate_json(await read_body(request, _LARGEST_BODY))
        except ValidationError as error:
            return _invalid(error)
        return JSONResponse(self._faults.add(fault).model_dump(mode="json"), 201)

    async def list_faults(self, request: Request) -> Response:
        return JSONResponse({"faults": [each.model_dump(mode="json") for each in self._faults.all()]})

    async def clear_faults(self, request: Request) -> Response:
        return JSONResponse({"cleared": self._faults.clear()})

    async def list_requests(self, request: Request) -> Response:
        limit = request.query_params.get("limit", str(_DEFAULT_LIMIT))
        if not (limit.isascii() and limit.isdigit() and len(limit) <= len(str(KEPT)) and int(limit) <= KEPT):
            raise BadRequestError(f"limit must be a number, {KEPT} at the most")
        found = self._log.latest(request.query_params.get("provider"), int(limit))
        return JSONResponse({"requests": [each.model_dump(mode="json") for each in found]})

    async def clear_requests(self, request: Request) -> Response:
        return JSONResponse({"cleared": self._log.clear()})

    async def set_mode(self, request: Request) -> Response:
        try:
            change = _ModeChange.model_validate_json(await read_body(request, _LARGEST_BODY))
        except ValidationError as error:
            return _invalid(error)
        self._engine.switch(change.mode)
        return JSONResponse(self._engine.report())

    async def health(self, request: Request) -> Response:
        """200 when requests are answered at once, 503 while models load or when they could not be loaded."""
        report = self._engine.report()
        status = "ready" if self._engine.ready else "failed" if report["error"] else "loading"
        return JSONResponse({"status": status, **report}, 200 if status == "ready" else 503)


def _invalid(error: ValidationError) -> Response:
    return JSONResponse({"error": error.errors(include_url=False, include_input=False, include_context=False)}, 400)
