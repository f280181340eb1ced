"""The API client retries transient failures, and no others."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mesh.client import Api, ApiError

Answers = list[tuple[int, dict[str, Any]]]
UPLOADED, SEARCHABLE = ({"id": "1", "status": status} for status in ("uploaded", "searchable"))
pytestmark = pytest.mark.integration

BUSY = {"message": "Service Unavailable"}


@pytest.fixture
def api() -> Iterator[Callable[[Answers], Api]]:
    """A server that returns these responses in order, and its client."""
    servers: list[ThreadingHTTPServer] = []

    def serve(answers: Answers) -> Api:
        left = iter(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = next(left)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return Api(f"http://127.0.0.1:{server.server_port}", None)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_item_is_followed_over_answers_that_are_missing(api: Callable[[Answers], Api], status: int) -> None:
    seen: list[str] = []
    answers: Answers = [(status, BUSY), (200, UPLOADED), (status, BUSY), (200, SEARCHABLE)]
    found = api(answers).follow(["1"], changed=lambda item: seen.append(item["status"]), every_s=0)
    assert found == {"1": SEARCHABLE}
    assert seen == ["uploaded", "searchable"]


@pytest.mark.parametrize("status", [401, 404, 500])
def test_other_errors_end_it(api: Callable[[Answers], Api], status: int) -> None:
    with pytest.raises(ApiError):
        api([(status, {"detail": "no"})]).follow(["1"], every_s=0)


def test_a_missing_response_is_reported(api: Callable[[Answers], Api]) -> None:
    with pytest.raises(TimeoutError, match="'unknown'"):
        api([(503, BUSY)] * 50).follow(["1"], every_s=0.01, timeout_s=0.05)
