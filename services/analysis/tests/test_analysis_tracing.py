"""LangSmith through its real SDK, against a small server that records what it is sent."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import zstandard

from analysis.errors import RefusedError
from analysis.prompts import PromptSource, packaged
from analysis.tracing import LangSmith

pytestmark = pytest.mark.integration
BATCH = {
    "size_limit": 100,
    "size_limit_bytes": 20_971_520,
    "scale_up_nthreads_limit": 4,
    "scale_up_qsize_trigger": 100,
    "scale_down_nempty_trigger": 4,
    "use_multipart_endpoint": True,
}
PULLED = {
    "kwargs": {
        "messages": [
            {"id": ["SystemMessagePromptTemplate"], "kwargs": {"prompt": {"kwargs": {"template": "Describe it well."}}}}
        ]
    }
}


@dataclass
class Sink:
    """A stand-in for LangSmith's API."""

    url: str = ""
    runs: bytes = b""
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def sink() -> Iterator[Sink]:
    kept = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kept.paths.append(self.path)
            if self.path.startswith("/commits/"):
                self._answer(200, {"commit_hash": "feedface00112233", "manifest": PULLED, "examples": []})
            else:
                self._answer(200, {"version": "0", "batch_ingest_config": BATCH, "instance_flags": {}})

        def do_POST(self) -> None:
            kept.paths.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "zstd":
                body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
            kept.runs += body
            self._answer(202, {})

        def _answer(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    yield kept
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("key", [None, "", "local", "emulated"])
def test_without_a_key_nothing_is_asked(sink: Sink, key: str | None) -> None:
    langsmith = LangSmith(lambda: key, endpoint=sink.url)
    assert PromptSource(langsmith.pull).current() == packaged()
    with langsmith.run(provider="anthropic", model="m", prompt_id="p") as run:
        assert run.trace_id is None
    assert sink.paths == []


def test_the_prompt_is_pulled_with_a_key(sink: Sink) -> None:
    prompt = PromptSource(LangSmith(lambda: "key", endpoint=sink.url).pull).current()
    assert (prompt.id, prompt.text) == ("collections-app-initial@feedface0011", "Describe it well.")


def test_a_dead_endpoint_means_the_packaged_prompt() -> None:
    assert PromptSource(LangSmith(lambda: "key", endpoint="http://127.0.0.1:9").pull).current() == packaged()


def test_a_run_carries_tokens_and_the_kind_of_fault_but_no_contents(sink: Sink) -> None:
    langsmith = LangSmith(lambda: "key", endpoint=sink.url)
    with langsmith.run(provider="anthropic", model="claude-sonnet-5-5", prompt_id="p@1") as run:
        run.input_tokens, run.output_tokens = 1234, 56
    with pytest.raises(RefusedError), langsmith.run(provider="anthropic", model="m", prompt_id="p@1"):
        raise RefusedError("my secret diary")
    assert run.trace_id is not None
    sent = sink.runs.decode(errors="replace")
    usage = {"input_tokens": 1234, "output_tokens": 56, "total_tokens": 1290}
    metadata = f'"usage_metadata":{json.dumps(usage, separators=(",", ":"))}'
    for expected in (run.trace_id, "claude-sonnet-5-5", "p@1", metadata, "RefusedError"):
        assert expected in sent
    assert re.search(r'"metadata":\{[^{}]*"usage_metadata"', sent), "where LangSmith looks for it"
    assert "diary" not in sent
