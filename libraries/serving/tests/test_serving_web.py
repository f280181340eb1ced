"""The ASGI application does what an HTTP API does in front of Lambda."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from serving_fakes import CORS, Answering, web_function

from serving.errors import BusyError, HandlerError
from serving.metrics import Metrics
from serving.tokens import KeysUnavailableError, UnauthorizedError
from serving.web import MAX_BYTES, WebApplication

ORIGIN = {"Origin": "https://example.com"}
TOKEN = {"Authorization": "Bearer good"}
ROUTES = [("GET /items/{id}", False), ("HEAD /items/{id}", False), ("POST /items", False), ("GET /health", True)]


class Tokens:
    def claims(self, authorization: str) -> dict[str, Any]:
        if authorization == "Bearer unknown":
            raise KeysUnavailableError("no answer")
        if authorization != "Bearer good":
            raise UnauthorizedError
        return {"sub": "alice", "auth_time": 12, "groups": ["a", "b"], "verified": True}


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


class Client:
    def __init__(self, application: WebApplication) -> None:
        self._transport = httpx.ASGITransport(application)

    async def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://api") as client:
            return await client.request(method, path, **given)


@pytest.fixture
def function() -> Answering:
    return Answering({"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "hello"})


@pytest.fixture
def api(function: Answering, executor: ThreadPoolExecutor) -> Client:
    return Client(WebApplication({web_function(*ROUTES): function}, Tokens(), CORS, Metrics(), executor))


async def test_a_verified_request_reaches_the_function(api: Client, function: Answering) -> None:
    answer = await api.request("GET", "/items/a%2520b?x=1", headers=TOKEN)
    assert (answer.status_code, answer.text, answer.headers["content-length"]) == (200, "hello", "5")
    (event,) = function.events
    assert event["pathParameters"] == {"id": "a%2520b"}
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    assert claims == {"sub": "alice", "auth_time": "12", "groups": "[a b]", "verified": "true"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer bad"}, {"Authorization": "good"}])
async def test_without_a_valid_token_nothing_is_reached(
    headers: dict[str, str], api: Client, function: Answering
) -> None:
    answer = await api.request("GET", "/items/1", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not function.events


async def test_a_token_that_nobody_can_judge_is_not_called_bad(api: Client) -> None:
    answer = await api.request("GET", "/items/1", headers={"Authorization": "Bearer unknown"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_public_route_asks_for_no_token_and_passes_none_on(api: Client, function: Answering) -> None:
    assert (await api.request("GET", "/health", headers=TOKEN)).status_code == 200
    assert "authorizer" not in function.events[0]["requestContext"]


async def test_what_has_no_route_is_not_found_with_or_without_a_token(api: Client) -> None:
    for path, headers in (("/nowhere", {}), ("/items/1/2", TOKEN), ("/healthz", {}), ("/metrics", {})):
        answer = await api.request("GET", path, headers=headers)
        assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


async def test_ten_megabytes_are_the_most(api: Client, function: Answering) -> None:
    async def stream() -> Any:
        for _ in range(11):
            yield bytes(1024 * 1024)

    for content in (bytes(MAX_BYTES + 1), stream()):
        answer = await api.request("POST", "/items", headers=TOKEN, content=content)
        assert (answer.status_code, answer.json()) == (413, {"message": "Request Entity Too Large"})
    assert not function.events
    assert (await api.request("POST", "/items", headers=TOKEN, content=bytes(MAX_BYTES))).status_code == 200


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (BusyError("all busy"), 503),
        (HandlerError("ValueError", "secret text"), 500),
        ({"statusCode": 200, "body": 5}, 500),
        ({"statusCode": 1000}, 500),
    ],
)
async def test_faults_say_nothing_of_themselves(outcome: Any, status: int, api: Client, function: Answering) -> None:
    function.answer = outcome
    answer = await api.request("GET", "/items/1", headers=TOKEN)
    assert answer.status_code == status
    assert set(answer.json()) == {"message"}
    assert "secret" not in answer.text


async def test_head_has_the_length_and_no_body(api: Client, function: Answering) -> None:
    function.answer = {"statusCode": 200, "headers": {"Content-Length": "5"}, "body": ""}
    answer = await api.request("HEAD", "/items/1", headers=TOKEN)
    assert (answer.headers["content-length"], answer.content) == ("5", b"")
    function.answer = {"statusCode": 304, "headers": {"etag": "x"}}
    assert "content-length" not in (await api.request("GET", "/items/1", headers=TOKEN)).headers


async def test_pages_of_other_origins(api: Client, function: Answering, executor: ThreadPoolExecutor) -> None:
    for path, headers in (("/items/1", TOKEN), ("/items/1", {}), ("/nowhere", {})):
        answer = await api.request("GET", path, headers=headers | ORIGIN)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-expose-headers"] == "etag"
    asked = await api.request("OPTIONS", "/items", headers=ORIGIN)
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (204, "GET,HEAD,POST")
    assert "access-control-allow-origin" not in (await api.request("GET", "/health")).headers

    named = replace(CORS, origins=("https://example.com",))
    strict = Client(WebApplication({web_function(*ROUTES): function}, Tokens(), named, Metrics(), executor))
    answer = await strict.request("GET", "/health", headers=ORIGIN)
    assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == ("https://example.com", "origin")
    other = {"Origin": "https://evil.example"}
    assert "access-control-allow-origin" not in (await strict.request("GET", "/health", headers=other)).headers
    assert (await strict.request("OPTIONS", "/items", headers=other)).status_code == 403


async def test_requests_are_counted_by_route_not_by_path(executor: ThreadPoolExecutor, function: Answering) -> None:
    from prometheus_client import generate_latest

    metrics = Metrics()
    api = Client(WebApplication({web_function(*ROUTES): function}, Tokens(), CORS, metrics, executor))
    for path in ("/items/1", "/items/2", "/secret-path"):
        await api.request("GET", path, headers=TOKEN)
    text = generate_latest(metrics.registry).decode()
    assert 'serving_http_requests_total{route="GET /items/{id}",status="200"} 2.0' in text
    assert 'route="none",status="404"' in text
    assert "secret-path" not in text
    assert json.dumps("alice") not in text
