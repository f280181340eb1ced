"""What is sent to LangSmith: that a turn ran, never its contents."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from testkit import eventually

pytestmark = pytest.mark.integration

AddItem = Callable[..., str]


class Recorder(ThreadingHTTPServer):
    """Takes everything that is posted, uncompressed because it does not offer more."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[bytes] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def do_GET(self) -> None:
        limits = {"size_limit": 100, "size_limit_bytes": 20_971_520, "use_multipart_endpoint": True}
        threads = {"scale_up_nthreads_limit": 4, "scale_up_qsize_trigger": 1000, "scale_down_nempty_trigger": 4}
        self._answer(200, {"version": "0", "batch_ingest_config": {**limits, **threads}})

    def do_POST(self) -> None:
        self.server.posted.append(self._body())
        self._answer(202, {})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests read the bodies."""


@pytest.fixture
def langsmith(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    server = Recorder()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    deployment.put_secret("langsmith-api-key", "ls-key")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()


def traced(langsmith: Recorder, word: bytes) -> bytes:
    """Everything posted, once the word is among it."""
    eventually(lambda: any(word in posted for posted in langsmith.posted))
    return b"".join(langsmith.posted)


def test_traces_hold_no_contents(
    langsmith: Recorder, running: Any, add_item: AddItem, session: str, providers: Any
) -> None:
    add_item("ann", "A confidential bowl of ramen", place="Wakkanai")
    assert running.chat("ann", session, "Which pictures of confidential ramen do I have?").status == 200
    posted = traced(langsmith, b"ChatAnthropic")
    assert b"search_collection" in posted
    assert b"input_tokens" in posted
    for secret in (b"confidential", b"Wakkanai", b"ls-key", b"ann#"):
        assert secret not in posted
    langsmith.posted.clear()
    providers.fault(provider="anthropic", kind="status", status=400)
    assert running.chat("ann", session, "hello confidential").status == 502
    assert b"confidential" not in traced(langsmith, b"BadRequest")


def test_without_a_key_nothing_is_traced(running: Any, session: str, deployment: Any, providers: Any) -> None:
    assert running.chat("ann", session, "hello").status == 200
    assert providers.requests("langsmith") == []
