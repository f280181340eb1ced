"""AWS/Lambda metrics for every invocation: MiniStack counts only those that come through the Invoke API."""

from __future__ import annotations

import time
from typing import Any


def correct(service: Any) -> None:  # noqa: ANN401 - MiniStack is untyped
    """Count where all ways into a function meet, and leave to the Invoke API only the throttled calls."""
    dispatch, emit = service._execute_function_dispatch, service._emit_lambda_metrics

    def counted(func: dict[str, Any], config: dict[str, Any], *rest: Any) -> dict[str, Any]:  # noqa: ANN401 - untyped
        begun = time.monotonic()
        failed = True
        try:
            result: dict[str, Any] = dispatch(func, config, *rest)
            failed = bool(result.get("error"))
            return result
        finally:
            duration_ms = (time.monotonic() - begun) * 1000
            emit(config.get("FunctionName", "unknown"), duration_ms=duration_ms, error=failed, throttle=False)

    def emit_throttled(name: str, *, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle:
            emit(name, duration_ms=duration_ms, error=error, throttle=throttle)

    service._execute_function_dispatch = counted
    service._emit_lambda_metrics = emit_throttled
