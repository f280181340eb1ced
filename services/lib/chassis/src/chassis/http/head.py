"""HEAD: what GET answers, without its body (RFC 9110, 9.3.2)."""

import base64
from collections.abc import Mapping
from typing import Any

__all__ = ["as_get", "without_body"]


def as_get(event: Mapping[str, Any]) -> dict[str, Any]:
    """The request as if it asked for the body as well."""
    context = event["requestContext"]
    return {**event, "requestContext": {**context, "http": {**context["http"], "method": "GET"}}}


def without_body(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with the length of its body instead of the body."""
    text = answer.get("body") or ""
    body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    length = {"Content-Length": str(len(body))} if body else {}
    return answer | {"headers": {**answer["headers"], **length}, "body": "", "isBase64Encoded": False}
