"""Puts the emulator together: every provider's routes over one engine, one fault book and one request log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provider_emulator import anthropic_wire, langsmith, openai_wire, tavily, voyage
from provider_emulator.capacity import Capacity
from provider_emulator.control import Control
from provider_emulator.engine import Engine, Mode
from provider_emulator.errors import RequestError
from provider_emulator.exchange import Exchange
from provider_emulator.faults import FaultBook
from provider_emulator.request_log import RequestLog

_OPENAI_PREFIXES = ("/openai/v1", "/v1")


def create_app(models_dir: Path, mode: Mode = "models") -> Starlette:
    """The application. Models start to load at once, in the background, unless the mode is instant."""
    engine, faults, log = Engine(models_dir, mode), FaultBook(), RequestLog()
    exchange = Exchange(engine, faults, log)
    claude, gpt = anthropic_wire.AnthropicDialect(), openai_wire.OpenAiDialect()
    list_claude = exchange.endpoint(claude, anthropic_wire.models)
    list_gpt = exchange.endpoint(gpt, openai_wire.models)

    async def list_models(request: Request) -> Response:
        # Both providers have this path; Anthropic's clients always send their version.
        return await (list_claude if "anthropic-version" in request.headers else list_gpt)(request)

    routes = [
        Route("/v1/messages", exchange.endpoint(claude, anthropic_wire.messages), methods=["POST"]),
        Route("/v1/messages/count_tokens", exchange.endpoint(claude, anthropic_wire.count_tokens), methods=["POST"]),
        Route("/v1/models", list_models, methods=["GET"]),
        Route("/openai/v1/models", list_gpt, methods=["GET"]),
        Route("/voyage/v1/embeddings", exchange.endpoint(voyage.VoyageDialect(), voyage.embeddings), methods=["POST"]),
        Route("/voyage/v1/rerank", exchange.endpoint(voyage.VoyageDialect(), voyage.rerank), methods=["POST"]),
        Route("/tavily/search", exchange.endpoint(tavily.TavilyDialect(), tavily.search), methods=["POST"]),
        Route("/langsmith/info", langsmith.info, methods=["GET"]),
        Route("/langsmith/runs/multipart", langsmith.runs, methods=["POST"]),
        *Control(engine, faults, log).routes(),
    ]
    for prefix in _OPENAI_PREFIXES:
        routes += [
            Route(f"{prefix}/responses", exchange.endpoint(gpt, openai_wire.responses), methods=["POST"]),
            Route(f"{prefix}/chat/completions", exchange.endpoint(gpt, openai_wire.chat_completions), methods=["POST"]),
        ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        engine.close()

    return Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Capacity)],
        exception_handlers={RequestError: _refused},
    )


async def _refused(request: Request, error: Exception) -> Response:
    """The answer of the routes that speak no provider's dialect."""
    refusal = cast("RequestError", error)
    return JSONResponse({"error": refusal.message}, refusal.status)
