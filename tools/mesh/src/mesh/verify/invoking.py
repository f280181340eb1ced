"""Requests to functions, bypassing API Gateway, with events in its format."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass

from mesh import functions
from mesh.functions import Json
from mesh.verify.errors import CheckFailedError

_QUOTED = 300


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; `{id}` in the path becomes an id that does not exist."""

    method: str
    path: str
    body: Json | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of a function with routes."""

    status: int
    body: Json

    def reason(self) -> str:
        """Status and problem details as text."""
        detail = self.body.get("detail") or self.body.get("message") or "no detail"
        checks = self.body.get("checks")
        return f"{self.status}: {detail}" + (f" ({json.dumps(checks)})" if checks else "")


class Functions(functions.Functions):
    """The functions of an environment, asked as by API Gateway."""

    def request(self, key: str, request: Request, *, tenant: str | None = None) -> Answer:
        """Send a request of that tenant as API Gateway would. Raises CheckFailedError for an invalid response."""
        content = None if request.body is None else json.dumps(request.body).encode()
        event = http_event(request.method, request.path, content, "application/json", tenant=tenant)
        return self._answer(key, event)

    def upload(self, key: str, picture: bytes, *, filename: str, tenant: str) -> Answer:
        """Upload a picture to `POST /items`."""
        boundary = uuid.uuid4().hex
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        content = head.encode() + picture + f"\r\n--{boundary}--\r\n".encode()
        event = http_event("POST", "/items", content, f"multipart/form-data; boundary={boundary}", tenant=tenant)
        return self._answer(key, event)

    def _answer(self, key: str, event: Json) -> Answer:
        answer = self.invoke(key, event)
        status = answer.get("statusCode")
        if not isinstance(status, int):
            raise CheckFailedError(f"{key} answers a request with {str(answer)[:_QUOTED]}")
        return Answer(status, _document(answer))


def http_event(method: str, path: str, content: bytes | None, media_type: str, *, tenant: str | None) -> Json:
    """An event of an HTTP API, payload version 2.0, whose authorizer has accepted the tenant."""
    authorizer = {} if tenant is None else {"authorizer": {"jwt": {"claims": {"sub": tenant}, "scopes": None}}}
    path = path.replace("{id}", str(uuid.uuid4()))
    event: Json = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"accept": "application/json", "content-type": media_type, "user-agent": "mesh-verify"},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
            **authorizer,
        },
        "isBase64Encoded": content is not None,
    }
    return event if content is None else event | {"body": base64.b64encode(content).decode("ascii")}


def _document(answer: Json) -> Json:
    text = answer.get("body") or "{}"
    try:
        found = json.loads(base64.b64decode(text) if answer.get("isBase64Encoded") else text)
    except ValueError:
        return {"detail": str(text)[:_QUOTED]}
    return found if isinstance(found, dict) else {"items": found}
