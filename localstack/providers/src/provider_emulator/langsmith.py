"""The part of LangSmith that tracing needs: it takes runs and keeps none."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from provider_emulator.bodies import read_body


async def info(request: Request) -> Response:
    """GET /langsmith/info."""
    batch = {
        "size_limit": 100,
        "size_limit_bytes": 20_971_520,
        "scale_up_nthreads_limit": 4,
        "scale_up_qsize_trigger": 1000,
        "scale_down_nempty_trigger": 4,
        "use_multipart_endpoint": True,
    }
    return JSONResponse({"version": "0.0.0-local", "batch_ingest_config": batch, "instance_flags": {}})


async def runs(request: Request) -> Response:
    """POST /langsmith/runs/multipart: read to its end, so that the client's connection stays usable."""
    await read_body(request)
    return JSONResponse({}, 202)
