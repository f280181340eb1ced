"""API Gateway's payload format 2.0: requests to events, results to answers; and which route a request is for."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

__all__ = ["Answer", "MalformedResultError", "Request", "Routes", "answer_of", "event_of"]

_PARAMETER: Final = re.compile(r"\{(\w+)(\+?)\}")
_TEXT: Final = frozenset({"application/json", "application/xml", "application/javascript"})
_NO_BODY: Final = frozenset({204, 304})


class MalformedResultError(ValueError):
    """What the handler returned is no answer; API Gateway says 500 then."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request: `raw_path` as it was sent, names of headers in lower case."""

    method: str
    raw_path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"

    def header(self, name: str) -> str:
        """The values of a header, joined; empty where there is none."""
        return ",".join(value for key, value in self.headers if key == name)

    @property
    def path(self) -> str:
        """Decoded as the gateway does: everything but %25, so that handlers can decode what remains."""
        return "%25".join(unquote(part, errors="replace") for part in self.raw_path.split("%25"))


class Routes:
    """Routes by method and path. The one with fewest parameters wins; one whose last may have slashes comes last."""

    def __init__(self, keys: Iterable[str]) -> None:
        found = [(key, *key.split(" ", 1)) for key in keys]
        ranked = sorted(found, key=lambda item: ("+}" in item[2], item[2].count("{"), item[2]))
        self._routes = [(key, method, _pattern(path)) for key, method, path in ranked]

    def match(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """The key of the route and the parameters of the path."""
        path = "/" + path.lstrip("/")
        for key, wanted, pattern in self._routes:
            if method == wanted and (found := pattern.fullmatch(path)) is not None:
                return key, found.groupdict()
        return None


def _pattern(path: str) -> re.Pattern[str]:
    parts, end = [], 0
    for found in _PARAMETER.finditer(path):
        parts += [re.escape(path[end : found.start()]), f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'})"]
        end = found.end()
    return re.compile("".join([*parts, re.escape(path[end:])]), re.DOTALL)


def event_of(
    request: Request, route: str, parameters: Mapping[str, str], claims: Mapping[str, str] | None
) -> dict[str, Any]:
    """The event of a request for a route; `claims` are those of the verified token, None for a public route."""
    now = time.time()
    headers: dict[str, str] = {}
    for name in dict.fromkeys(name for name, _ in request.headers):
        if name != "cookie":
            headers[name] = request.header(name)
    context: dict[str, Any] = {
        "accountId": "anonymous",
        "apiId": "container",
        "domainName": headers.get("host", ""),
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": route,
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": dict(claims), "scopes": None}}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if cookies := [part.strip() for name, value in request.headers if name == "cookie" for part in value.split(";")]:
        event["cookies"] = cookies
    if parameters:
        event["pathParameters"] = dict(parameters)
    if request.query:
        joined: dict[str, str] = {}
        for name, value in parse_qsl(request.query, keep_blank_values=True):
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        event["queryStringParameters"] = joined
    if request.body:
        is_text = _is_text(headers)
        event["isBase64Encoded"] = not is_text
        event["body"] = request.body.decode(errors="replace") if is_text else base64.b64encode(request.body).decode()
    return event


def _is_text(headers: Mapping[str, str]) -> bool:
    """What the gateway passes on as text; what is compressed is binary, whatever it is when it is not."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return "content-encoding" not in headers and (media_type.startswith("text/") or media_type in _TEXT)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request; names of headers in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @classmethod
    def of_gateway(cls, status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
        """What the gateway says itself."""
        given = {"content-type": "application/json", **(headers or {})}
        return cls(status, tuple(given.items()), json.dumps({"message": message}).encode())

    @property
    def may_have_length(self) -> bool:
        """Whether it says how long its body is (RFC 9110, 8.6)."""
        return self.status not in _NO_BODY

    def header(self, name: str) -> str | None:
        """A header's first value."""
        return next((value for key, value in self.headers if key == name), None)


def answer_of(result: Any) -> Answer:  # noqa: ANN401 - whatever the handler returned
    """The answer that a handler's result stands for.

    Raises MalformedResultError: an unusable status, headers that are no texts, a body that is not Base64 as it says.
    """
    if not isinstance(result, dict) or "statusCode" not in result:
        body = result if isinstance(result, str) else json.dumps(result)
        return Answer(200, (("content-type", "application/json"),), body.encode())
    status = result["statusCode"]
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise MalformedResultError(f"statusCode {status!r}")
    given = result.get("headers") or {}
    headers = [(str(name).lower(), str(value)) for name, value in given.items()]
    if any("\n" in value or "\r" in value for _, value in headers):
        raise MalformedResultError("a header has a line break")
    headers += [("set-cookie", str(cookie)) for cookie in result.get("cookies") or ()]
    body = result.get("body") or ""
    if not isinstance(body, str):
        raise MalformedResultError(f"body is {type(body).__name__}")
    if not result.get("isBase64Encoded"):
        return Answer(status, tuple(headers), body.encode())
    try:
        return Answer(status, tuple(headers), base64.b64decode(body, validate=True))
    except binascii.Error as error:
        raise MalformedResultError("body is not Base64") from error
