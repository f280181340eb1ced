"""The requests to the emulator, for tests and developers: a bounded log without secrets and without image bytes."""

import base64
import binascii
import hashlib
import itertools
import json
import re
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

KEPT = 2000  # entries
_LONGEST_TEXT = 4000
_LONGEST_BASE64 = 512
_SHOWN = 8 * 1024 * 1024  # bytes of JSON at once; as objects they may take 20 times as much
_LARGEST_BODY = 64 * 1024  # bytes of JSON; 2,000 entries then take 128 MB at the most
_MOST_VALUES = 20_000  # in a body that is copied
_DATA_URL = re.compile(r"^data:([\w/+.-]+);base64,(.*)$", re.S)
_BASE64 = re.compile(r"^[A-Za-z0-9+/\s]+={0,2}\s*$")
_HEADERS = (
    "anthropic-version",
    "anthropic-beta",
    "user-agent",
    "x-stainless-retry-count",
    "x-client-source",
    "content-type",
)
_SECRETS = frozenset({"api_key", "apikey", "authorization", "x-api-key"})


class LoggedRequest(BaseModel):
    """One request as it was served. `duration_ms` counts until the body was ready, delays of faults included."""

    model_config = ConfigDict(frozen=True)

    number: int
    time: datetime
    method: str
    path: str
    provider: str
    kind: str | None
    model: str | None
    authentication: str | None
    headers: dict[str, str]
    body: Any
    body_sha256: str
    status: int
    duration_ms: float
    fault: str | None


class RequestLog:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=KEPT)
        self._count = 0
        self._cleared = 0
        self._lock = threading.Lock()

    def begin(self) -> int:
        """For `add`, when the request comes: what began before the log was cleared does not enter it afterwards."""
        return self._cleared

    def add(self, begun: int, **fields: Any) -> None:  # noqa: ANN401 # validated by the model
        # As text, whose size is bounded; as objects it may take 20 times as much.
        body = json.dumps(fields.pop("body"))
        with self._lock:
            if begun != self._cleared:
                return
            self._count += 1
            self._entries.append(LoggedRequest(number=self._count, time=datetime.now(UTC), body=body, **fields))

    def latest(self, provider: str | None, limit: int) -> list[LoggedRequest]:
        """The latest `limit` entries, newest first; without the bodies of the older ones where there is no room."""
        with self._lock:
            chosen = [each for each in reversed(self._entries) if provider in (None, each.provider)][:limit]
        sizes = itertools.accumulate(len(each.body) for each in chosen)
        return [
            each.model_copy(update={"body": json.loads(each.body) if size <= _SHOWN else {"left_out": "older"}})
            for each, size in zip(chosen, sizes, strict=True)
        ]

    def clear(self) -> int:
        with self._lock:
            count = len(self._entries)
            self._entries.clear()
            self._cleared += 1
        return count


def loggable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that matter to a reader; never one that holds a secret."""
    return {name: headers[name] for name in _HEADERS if name in headers}


def loggable_body(body: Any) -> Any:  # noqa: ANN401 # any JSON value
    """`digest` of the body; of one that is still large or nested too deeply, only that it is."""
    if _has_many_values(body):
        return {"left_out": f"more than {_MOST_VALUES} values"}
    try:
        short = digest(body)
    except RecursionError:
        return {"left_out": "nested too deeply"}
    size = len(json.dumps(short))
    return short if size <= _LARGEST_BODY else {"left_out": f"{size} bytes"}


def _has_many_values(body: Any) -> bool:  # noqa: ANN401 # any JSON value
    found, left = 0, [body]
    while left and found <= _MOST_VALUES:
        value = left.pop()
        found += 1
        left += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found > _MOST_VALUES


def digest(value: Any) -> Any:  # noqa: ANN401 # any JSON value
    """The body with images replaced by hash and size, long texts cut, and keys left out."""
    match value:
        case dict():
            return {k: "(secret)" if k.lower() in _SECRETS else digest(v) for k, v in value.items()}
        case list():
            return [digest(each) for each in value]
        case str():
            return _short(value)
        case _:
            return value


def _short(text: str) -> Any:  # noqa: ANN401 # a string, or an object in place of an image
    found = _DATA_URL.match(text)
    encoded = found[2] if found else text if len(text) > _LONGEST_BASE64 and _BASE64.match(text[:2000]) else None
    if encoded is not None and " " not in encoded:
        try:
            data = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            data = None
        if data is not None:
            return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"
