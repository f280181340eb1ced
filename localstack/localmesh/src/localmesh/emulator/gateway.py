"""The HTTP API as AWS has it: a function that fails is `500 {"message": "Internal Server Error"}`, and no reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

_BODY: Final = json.dumps({"message": "Internal Server Error"})
_FAILURE: Final = {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": _BODY}


def correct(service: Any, apigateway: Any) -> None:  # noqa: ANN401 - MiniStack is untyped
    """Hide what went wrong inside a function, or that there is none."""
    service.lambda_execute_result_to_api_proxy_response = _hiding(service.lambda_execute_result_to_api_proxy_response)
    apigateway._invoke_lambda_proxy = _without_names(apigateway._invoke_lambda_proxy)


def _hiding(original: Callable[..., Any]) -> Callable[..., Any]:
    def proxy_response(result: dict[str, Any]) -> Any:  # noqa: ANN401 - untyped
        if result.get("error") and not result.get("throttle"):
            return _FAILURE, None
        return original(result)

    return proxy_response


def _without_names(original: Callable[..., Any]) -> Callable[..., Any]:
    async def invoke(integration: dict[str, Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - untyped
        status, headers, body = await original(integration, *args, **kwargs)
        missing = status == 502 and b"Lambda function" in body and b"not found" in body
        return (500, {"Content-Type": "application/json"}, _BODY.encode()) if missing else (status, headers, body)

    return invoke
