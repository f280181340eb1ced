"""The HTTP API as AWS has it: a function that fails is `500 {"message": "Internal Server Error"}`, and no reason.

In one thing it is kinder: what the gateway answers itself (401, 404) has CORS headers too, so that pages can read it.
AWS gives them to answers of functions alone, and HTTP APIs have no setting for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

_BODY: Final = json.dumps({"message": "Internal Server Error"})
_IS_CODED: Final = ContextVar("whether the request has a Content-Encoding", default=False)
_TOO_LARGE: Final = json.dumps({"message": "Request Entity Too Large"})
#: The largest request that an HTTP API takes.
_MAX_BYTES: Final = 10 * 1024 * 1024
_FAILURE: Final = {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": _BODY}


def correct(service: Any, apigateway: Any) -> None:  # noqa: ANN401 - MiniStack is untyped
    """Hide what went wrong inside a function, or that there is none; leave compressed bodies as they are; answer as the
    gateway of AWS does where it answers itself."""
    service.lambda_execute_result_to_api_proxy_response = _hiding(service.lambda_execute_result_to_api_proxy_response)
    apigateway._invoke_lambda_proxy = _without_names(apigateway._invoke_lambda_proxy)
    apigateway._v2_request_body_is_text = _unless_coded(apigateway._v2_request_body_is_text)
    cors = _keeping_vary(apigateway._cors_response_headers)
    apigateway._cors_response_headers = cors
    apigateway._handle_execute_in_scope = _answering(apigateway._handle_execute_in_scope, apigateway, cors)


def _hiding(original: Callable[..., Any]) -> Callable[..., Any]:
    def proxy_response(result: dict[str, Any]) -> Any:  # noqa: ANN401 - untyped
        if result.get("error") and not result.get("throttle"):
            return _FAILURE, None
        return original(result)

    return proxy_response


def _without_names(original: Callable[..., Any]) -> Callable[..., Any]:
    async def invoke(
        integration: Any,  # noqa: ANN401 - untyped
        api_id: str,
        stage: str,
        path: str,
        method: str,
        headers: dict[str, str],
        *args: Any,  # noqa: ANN401 - untyped
        **kwargs: Any,  # noqa: ANN401 - untyped
    ) -> Any:  # noqa: ANN401 - untyped
        _IS_CODED.set("content-encoding" in headers)
        status, answered, body = await original(integration, api_id, stage, path, method, headers, *args, **kwargs)
        missing = status == 502 and b"Lambda function" in body and b"not found" in body
        return (500, {"Content-Type": "application/json"}, _BODY.encode()) if missing else (status, answered, body)

    return invoke


def _unless_coded(original: Callable[[str | None], bool]) -> Callable[[str | None], bool]:
    """What is compressed is binary, whatever it is when it is not."""
    return lambda content_type: not _IS_CODED.get() and original(content_type)


def _keeping_vary(original: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
    def headers(settings: dict[str, Any], origin: str) -> dict[str, str]:
        found = original(settings, origin)
        if found.get("Access-Control-Allow-Origin") == "*":
            # The same for all origins; and it would take the place of what the function answers with.
            found.pop("Vary", None)
        return found

    return headers


def _answering(
    original: Callable[..., Any],
    apigateway: Any,  # noqa: ANN401 - untyped
    cors: Callable[..., dict[str, str]],
) -> Callable[..., Any]:
    """What the gateway answers itself as AWS does, and with CORS headers."""

    async def execute(
        api_id: str,
        stage: str,
        path: str,
        method: str,
        headers: dict[str, str],
        sent: bytes,
        *args: Any,  # noqa: ANN401 - untyped
    ) -> Any:  # noqa: ANN401 - untyped
        if len(sent or b"") > _MAX_BYTES:
            status, answered, body = 413, {"Content-Type": "application/json"}, _TOO_LARGE.encode()
        else:
            status, answered, body = await original(api_id, stage, path, method, headers, sent, *args)
        settings = (apigateway._apis.get(api_id) or {}).get("corsConfiguration") or {}
        origin = next((value for name, value in headers.items() if name.lower() == "origin"), "")
        added = cors(settings, origin) | ({"WWW-Authenticate": "Bearer"} if status == 401 else {})
        given = {name.lower() for name in answered}
        return status, answered | {name: value for name, value in added.items() if name.lower() not in given}, body

    return execute
