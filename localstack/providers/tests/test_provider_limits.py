"""What the routes of the AI provider emulator read and keep is bounded; asked of the application without a server."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import ValidationError
from starlette.routing import Route

from provider_emulator import bodies
from provider_emulator.app import create_app
from provider_emulator.bodies import LARGEST_BODY, read_body
from provider_emulator.capacity import Capacity
from provider_emulator.errors import BadRequestError, TooLargeError
from provider_emulator.faults import KEPT, Fault, FaultBook
from provider_emulator.request_log import RequestLog

ROUTES = [
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/responses",
    "/openai/v1/responses",
    "/v1/chat/completions",
    "/openai/v1/chat/completions",
    "/voyage/v1/embeddings",
    "/voyage/v1/rerank",
    "/tavily/search",
    "/langsmith/runs/multipart",
    "/_faults",
    "/_mode",
]


class Body:
    """A body as a server hands it on; after the last chunk nothing comes unless it is whole."""

    def __init__(self, *chunks: bytes, is_whole: bool = True) -> None:
        self.chunks, self.is_whole, self.read = list(chunks), is_whole, 0

    async def stream(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.read += 1
            yield chunk
        if not self.is_whole:
            await asyncio.Event().wait()

    async def receive(self) -> dict[str, Any]:
        if self.read < len(self.chunks):
            self.read += 1
            return {"type": "http.request", "body": self.chunks[self.read - 1], "more_body": True}
        if not self.is_whole:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}


async def ask(app: Any, method: str, path: str, body: Body, *, query: str = "", length: int = 1) -> tuple[int, Any]:
    """Status and JSON of the answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"x-api-key", b"k"), (b"content-length", b"%d" % length)]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    async with asyncio.timeout(5):
        await app({**scope, "http_version": "1.1", "app": app}, body.receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture
def app(tmp_path: Path) -> Any:
    return create_app(tmp_path, "instant")


def test_every_route_that_takes_a_body_is_asked(app: Any) -> None:
    posts = {each.path for each in app.routes if isinstance(each, Route) and each.methods and "POST" in each.methods}
    assert posts == set(ROUTES)


@pytest.mark.parametrize("path", ROUTES)
async def test_a_body_that_is_too_large_is_read_by_no_route(path: str, app: Any) -> None:
    megabyte = bytes(1024 * 1024)
    body = Body(*[megabyte] * 40)
    status, answer = await ask(app, "POST", path, body, length=40 * len(megabyte))
    assert status == 413
    assert "exceeds the maximum size of" in json.dumps(answer)
    assert body.read == (1 if path.startswith("/_") else 33), "it is not read to its end"


@pytest.mark.parametrize("path", ROUTES)
async def test_a_body_that_does_not_arrive_gives_its_room_back(
    path: str, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_TIMEOUT_S", 0.01)
    limited = Capacity(app, limit=LARGEST_BODY, wait_s=2)
    asked = [ask(limited, "POST", path, Body(b"{", is_whole=False), length=LARGEST_BODY) for _ in range(3)]
    for status, answer in await asyncio.gather(*asked):
        assert status == 408
        assert "the request body did not arrive within 0.01 s" in json.dumps(answer)


def test_a_body_has_ten_seconds_to_arrive_and_32_megabytes() -> None:
    assert (bodies._TIMEOUT_S, LARGEST_BODY) == (10, 33_554_432)


async def test_a_body_of_exactly_the_largest_size_is_read() -> None:
    assert await read_body(Body(b"ab", b"cd"), 4) == b"abcd"  # type: ignore[arg-type]
    with pytest.raises(TooLargeError, match="of 3 bytes"):
        await read_body(Body(b"ab", b"cd"), 3)  # type: ignore[arg-type]


def fault(**fields: Any) -> Fault:
    return Fault(provider="voyage", kind="status", **fields)


def test_the_book_of_faults_has_an_end() -> None:
    book = FaultBook()
    armed = [book.add(fault(count=1, match=f"<{number}>")).id for number in range(KEPT)]
    with pytest.raises(BadRequestError, match="200 faults are armed: clear them first"):
        book.add(fault())
    for spent in (b"<160>", b"<150>"):
        assert book.take("voyage", spent) is not None
    first = book.add(fault()).id
    assert [each.id for each in book.all()] == [*armed[:150], *armed[151:], first], "the oldest spent one has gone"
    second = book.add(fault()).id
    assert [each.id for each in book.all()] == [*armed[:150], *armed[151:160], *armed[161:], first, second]


def test_what_a_fault_matches_has_a_limit() -> None:
    assert fault(match="x" * 1000).match == "x" * 1000
    with pytest.raises(ValidationError):
        fault(match="x" * 1001)


async def test_a_full_book_refuses(app: Any) -> None:
    text = b'{"provider": "voyage", "kind": "status"}'
    for _ in range(KEPT):
        assert (await ask(app, "POST", "/_faults", Body(text)))[0] == 201
    assert await ask(app, "POST", "/_faults", Body(text)) == (400, {"error": "200 faults are armed: clear them first"})


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        ("0", 200),
        ("2000", 200),
        ("2001", 400),
        ("", 400),
        ("-1", 400),
        ("²", 400),
        ("٣", 400),
        pytest.param("0" * 5000, 400, id="thousands-of-digits"),
    ],
)
async def test_so_many_requests_are_shown(limit: str, status: int, app: Any) -> None:
    answered, answer = await ask(app, "GET", "/_requests", Body(), query=f"limit={quote(limit)}")
    shown: dict[str, Any] = {"requests": []}
    refused: dict[str, Any] = {"error": "limit must be a number, 2000 at the most"}
    assert (answered, answer) == (status, shown if status == 200 else refused)


def test_older_requests_are_shown_without_bodies_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provider_emulator.request_log._SHOWN", 20)
    log = RequestLog()
    empty = dict.fromkeys(("kind", "model", "authentication", "fault"))
    shared: dict[str, Any] = {**empty, "method": "POST", "path": "/", "provider": "voyage", "headers": {}}
    shared = {**shared, "body_sha256": "", "status": 200, "duration_ms": 1}
    for number in range(3):
        log.add(0, **shared, body=f"{number:08}")
    shown = [entry.body for entry in log.latest(None, 3)]
    assert shown == ["00000002", "00000001", {"left_out": "older"}]
    assert [entry.number for entry in log.latest("voyage", 2)] == [3, 2]
