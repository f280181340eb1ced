"""Entity tags of what GET answers, and 304 for who has it already (RFC 9110, 8.8.3 and 13.1.2)."""

import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

__all__ = ["conditional"]

_TAG = re.compile(r'(?:W/)?("[^"]*")')
# What 304 repeats of the answer that it stands for.
_KEPT = {"cache-control", "content-location", "etag", "expires", "vary"}


def conditional(event: Mapping[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with an entity tag, or 304 without a body where the caller's `If-None-Match` has that tag.

    What is not to be stored has none, nor has what is no successful answer to GET.
    """
    headers: dict[str, str] = answer.get("headers", {})
    given = {name.lower(): value for name, value in headers.items()}
    is_get = event["requestContext"]["http"]["method"] == "GET"
    if not is_get or answer["statusCode"] != HTTPStatus.OK or "no-store" in given.get("cache-control", ""):
        return answer
    tag = f'"{hashlib.sha256((answer.get("body") or "").encode()).hexdigest()[:32]}"'
    tagged = {**headers, "ETag": tag}
    asked = next((value for name, value in event.get("headers", {}).items() if name.lower() == "if-none-match"), "")
    if asked.strip() != "*" and tag not in _TAG.findall(asked):
        return answer | {"headers": tagged}
    kept = {name: value for name, value in tagged.items() if name.lower() in _KEPT}
    return answer | {"statusCode": HTTPStatus.NOT_MODIFIED.value, "headers": kept, "body": "", "isBase64Encoded": False}
