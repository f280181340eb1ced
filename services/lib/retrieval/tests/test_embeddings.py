"""The query embedder with the real SDKs against a fake Voyage server."""

import base64
import json
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from retrieval import (
    AnalyzedItem,
    EmbedderConfig,
    EmbeddingRateLimitedError,
    EmbeddingRejectedError,
    EmbeddingUnavailableError,
    Filters,
    QueryEmbedder,
    project_analysis,
    project_vector,
)

pytestmark = pytest.mark.integration

MakeItem = Callable[..., AnalyzedItem]


class Voyage:
    """Records requests, and returns `replies` first, then vectors of the text's length."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.replies: list[tuple[int, bytes]] = []
        self.url = ""

    def answer(self, request: dict[str, Any]) -> tuple[int, bytes]:
        if self.replies:
            return self.replies.pop(0)
        return 200, reply([float(len(request["input"][0])), *[1.0] * 1023])


def reply(values: list[float]) -> bytes:
    vector = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
    data = [{"object": "embedding", "embedding": vector, "index": 0}]
    return json.dumps({"object": "list", "data": data, "model": "m", "usage": {"total_tokens": 1}}).encode()


@pytest.fixture
def voyage() -> Iterator[Voyage]:
    state = Voyage()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/embeddings"
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.requests.append(request)
            state.keys.append(self.headers["authorization"])
            status, body = state.answer(request)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}/v1"
        yield state
        server.shutdown()
        thread.join()


def embedder(voyage: Voyage, **changes: Any) -> QueryEmbedder:
    return QueryEmbedder(EmbedderConfig(**{"api_key": "key", "base_url": voyage.url, "attempts": 1, **changes}))


def test_queries_are_cached_by_tenant_model_and_text(voyage: Voyage) -> None:
    queries = embedder(voyage)
    vector = queries.embed("alice", "a cat")
    assert vector == (5.0, *[1.0] * 1023)
    (request,) = voyage.requests
    assert {key: request[key] for key in ("input", "model", "input_type", "output_dimension")} == {
        "input": ["a cat"],
        "model": "voyage-3.5-lite",
        "input_type": "query",
        "output_dimension": 1024,
    }
    assert voyage.keys == ["Bearer key"]
    assert queries.embed("alice", "a cat") is vector
    assert len(voyage.requests) == 1
    queries.embed("bob", "a cat")
    queries.embed("alice", "a cat", model="voyage-3.5")
    assert [request["model"] for request in voyage.requests] == ["voyage-3.5-lite", "voyage-3.5-lite", "voyage-3.5"]


def test_the_least_recently_used_query_is_evicted(voyage: Voyage) -> None:
    queries = embedder(voyage, cache_size=2)
    for text in ("one", "two", "one", "three", "one", "two"):
        queries.embed("alice", text)
    assert [request["input"][0] for request in voyage.requests] == ["one", "two", "three", "two"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, b'{"detail": "slow down"}', EmbeddingRateLimitedError),
        (500, b'{"detail": "broken"}', EmbeddingUnavailableError),
        (503, b"", EmbeddingUnavailableError),
        (529, b'{"detail": "overloaded"}', EmbeddingUnavailableError),
        (529, b"<html>overloaded</html>", EmbeddingUnavailableError),
        (400, b'{"detail": "no such model"}', EmbeddingRejectedError),
        (401, b'{"detail": "wrong key"}', EmbeddingRejectedError),
        (403, b"{}", EmbeddingRejectedError),
        (200, b"not json", EmbeddingRejectedError),
        (200, b'{"data": [], "usage": {"total_tokens": 0}}', EmbeddingRejectedError),
        (200, b'{"data": [{"embedding": "AA=="}], "usage": {"total_tokens": 0}}', EmbeddingRejectedError),
        (200, reply([1.0] * 256), EmbeddingRejectedError),
        (200, reply([float("nan")] * 1024), EmbeddingRejectedError),
    ],
)
def test_errors_are_ours(voyage: Voyage, status: int, body: bytes, error: type[Exception]) -> None:
    queries = embedder(voyage)
    voyage.replies.append((status, body))
    with pytest.raises(error) as caught:
        queries.embed("alice", "a cat")
    assert type(caught.value) is error
    # The failure is not cached.
    assert queries.embed("alice", "a cat")


def test_an_unreachable_provider(voyage: Voyage) -> None:
    queries = embedder(voyage, base_url="http://127.0.0.1:9/v1", timeout_s=1)
    with pytest.raises(EmbeddingUnavailableError):
        queries.embed("alice", "a cat")


def test_an_overloaded_provider_is_retried(voyage: Voyage) -> None:
    voyage.replies.append((503, b""))
    assert embedder(voyage, attempts=2).embed("alice", "a cat")
    assert len(voyage.requests) == 2


def test_langchain_retrievers_find_what_search_finds(
    voyage: Voyage, conn: Connection[Any], read_model_dsn: str, make_item: MakeItem
) -> None:
    from retrieval.langchain import BM25Retriever, HybridRetriever, VectorRetriever

    for number in range(3):
        with conn.transaction():
            project_analysis(conn, "alice", make_item(f"i{number}", "a cat " * number, category="photo"))
        with conn.transaction():
            project_vector(
                conn,
                "alice",
                f"i{number}",
                vector=[float(number * 10), *[1.0] * 1023],
                model="voyage-3.5-lite",
                analysis_version=1,
                embedded_at=make_item("x").analyzed_at,
            )

    @contextmanager
    def connect() -> Iterator[Connection[Any]]:
        with psycopg.connect(read_model_dsn, autocommit=True) as connection:
            yield connection

    queries = embedder(voyage)
    keyword = BM25Retriever(connect=connect, tenant_id="alice", top_k=5)
    documents = keyword.invoke("cat")
    assert [document.id for document in documents] == ["i2", "i1"]
    assert documents[0].page_content == "a cat a cat \nphoto"
    assert documents[0].metadata["score"] < 0
    assert documents[0].metadata["rank"] == 1
    meaning = VectorRetriever(connect=connect, tenant_id="alice", top_k=2, embedder=queries)
    assert len(meaning.invoke("cat")) == 2
    both = HybridRetriever(
        connect=connect, tenant_id="alice", embedder=queries, filters=Filters(category="photo"), max_bm25_score=-99
    )
    found = both.invoke("cat")
    assert {document.id for document in found} == {"i0", "i1", "i2"}, "no words were good enough; all were near enough"
    assert BM25Retriever(connect=connect, tenant_id="bob").invoke("cat") == []


def test_heavy_packages_are_imported_lazily() -> None:
    program = "import sys, retrieval; print(sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for package in ("langchain_core", "langchain_voyageai", "voyageai", "numpy", "pydantic", "boto3"):
        assert f"'{package}'" not in loaded
    assert "'psycopg'" in loaded
