"""The correlation id: one that the caller gives, or the request's own. It is in every answer, event and log line."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from chassis.http.headers import header

__all__ = ["CORRELATION_ID", "correlated"]

CORRELATION_ID = "X-Correlation-Id"
_FORM = re.compile(r"[A-Za-z0-9._-]{8,64}")


def correlated(event: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The request's correlation id, and the request with it in its header."""
    name = CORRELATION_ID.lower()
    found = header(event, name)
    if not _FORM.fullmatch(found):
        found = str(event["requestContext"].get("requestId") or uuid.uuid4())
    others = {given: value for given, value in (event.get("headers") or {}).items() if given.lower() != name}
    return found, {**event, "headers": {**others, name: found}}
