"""`mesh evaluate --langsmith`: what the real SDK sends to a stand-in of LangSmith's API, and what its faults cost."""

import json
import re
import threading
from collections.abc import Iterator
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from mesh.cli import app

pytestmark = pytest.mark.integration

NOW = "2026-01-01T00:00:00+00:00"
WORKSPACE = str(uuid4())
INFO = {
    "version": "0.14.0",
    "batch_ingest_config": {
        "size_limit": 100,
        "size_limit_bytes": 20_971_520,
        "use_multipart_endpoint": True,
        "scale_up_nthreads_limit": 1,
        "scale_up_qsize_trigger": 1000,
        "scale_down_nempty_trigger": 4,
    },
    "instance_flags": {"dataset_examples_multipart_enabled": True},
}


class LangSmithServer(ThreadingHTTPServer):
    """Datasets, examples, projects, runs and feedback, by their ids."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.datasets: dict[str, dict[str, Any]] = {}
        self.examples: dict[str, dict[str, Any]] = {}
        self.projects: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.feedback: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.refuses: str | None = None
        """Requests that begin so are answered by 400, and lost."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, folder: str, body: bytes, content_type: str) -> None:
        """Keep the parts: `post.<id>` and `feedback.<id>`, a part of either as `post.<id>.inputs`."""
        message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
        assert message.is_multipart()
        for part in message.walk():
            if part.is_multipart():
                continue
            name = str(part.get_param("name", header="content-disposition")).split(".")
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            content = json.loads(payload)
            if folder == "examples":
                kept, (key, *place) = self.examples, name
            else:
                kept, (key, *place) = {"post": self.runs, "feedback": self.feedback}[name[0]], name[1:]
            entry = kept.setdefault(key, {})
            if place:
                entry[place[0]] = content
            else:
                entry.update(content)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LangSmithServer

    def do_GET(self) -> None:
        server, path, query = self._opened()
        asked = query.get("name")
        match path:
            case "/info":
                self._answer(200, INFO)
            case "/datasets":
                self._answer(200, [known for known in server.datasets.values() if [known["name"]] == asked])
            case "/sessions":
                self._answer(200, [known for known in server.projects.values() if [known["name"]] == asked])
            case "/examples":
                first = int(query["offset"][0])
                stored = [{"id": key, "dataset_id": query["dataset"][0]} for key in server.examples]
                self._answer(200, stored[first : first + int(query["limit"][0])])
            case _:
                self._answer(404, {})

    def do_POST(self) -> None:
        server, path, _ = self._opened()
        body, content_type = self._body(), self.headers["Content-Type"]
        if server.refuses and path.startswith(server.refuses):
            self._answer(400, {"detail": "no more room"})
        elif path == "/datasets":
            self._answer(200, self._made(server.datasets, json.loads(body), created_at=NOW))
        elif path == "/sessions":
            given = json.loads(body)
            is_known = given["name"] in {known["name"] for known in server.projects.values()}
            self._answer(*((409, {}) if is_known else (200, self._made(server.projects, given, start_time=NOW))))
        elif re.fullmatch(r"/v1/platform/datasets/[-0-9a-f]{36}/examples", path):
            server.take("examples", body, content_type)
            self._answer(200, {"example_ids": [], "count": 0})
        elif path == "/runs/multipart":
            server.take("runs", body, content_type)
            self._answer(202, {})
        else:
            self._answer(404, {})

    def do_PATCH(self) -> None:
        server, path, _ = self._opened()
        project = server.projects[path.rsplit("/", 1)[1]]
        project.update({name: value for name, value in json.loads(self._body()).items() if value is not None})
        self._answer(200, project)

    def _opened(self) -> tuple[LangSmithServer, str, dict[str, list[str]]]:
        assert self.headers["x-api-key"] == "ls-key"
        address = urlsplit(self.path)
        self.server.requests.append(f"{self.command} {address.path}")
        return self.server, address.path, parse_qs(address.query)

    def _made(self, kept: dict[str, dict[str, Any]], given: dict[str, Any], **more: Any) -> dict[str, Any]:
        made = {"id": str(uuid4()), "tenant_id": WORKSPACE} | given | more
        kept[made["id"]] = made
        return made

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: tests read what is kept."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LangSmithServer]:
    stand_in = LangSmithServer()
    threading.Thread(target=stand_in.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("LANGSMITH_ENDPOINT", stand_in.url)
    monkeypatch.setenv("LANGSMITH_API_KEY", "ls-key")
    yield stand_in
    stand_in.shutdown()
    stand_in.server_close()


QUERIES = {
    "name": "pictures",
    "queries": [
        {"id": "1", "text": "ramen", "kind": "single", "relevant": {"a.png": 3}, "options": {"place": "Kyoto"}},
        {"id": "2", "text": "boat", "kind": "single", "relevant": {"b.png": 1}},
        {"id": "3", "text": "penguin", "kind": "no-result"},
    ],
}


def report(first: float, **more: Any) -> dict[str, Any]:
    """A report of these queries, whose first has this value of each metric, and whose second failed."""
    values = dict.fromkeys(("ndcg", "mrr", "precision", "recall"), first)
    nothing = dict.fromkeys(values, 0.0)
    common = {"answerable": True, "said_nothing": False, "error": None, "latency_ms": 20.0, "kind": "single"}
    queries = [
        {**common, "id": "1", "values": values, "found": ["a.png"]},
        {**common, "id": "2", "values": nothing, "error": "500: broken"},
        {**common, "id": "3", "kind": "no-result", "values": {}, "answerable": False, "said_nothing": True},
    ]
    return {"name": "pictures", "k": 10, "options": {"search_type": "hybrid"}, "queries": queries, **more}


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    return written(tmp_path / "queries.json", QUERIES)


def written(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture
def compared(queries: Path, tmp_path: Path) -> tuple[object, ...]:
    """The arguments that compare two reports and store them."""
    before, after = written(tmp_path / "a.json", report(0.5)), written(tmp_path / "b.json", report(0.75))
    return (queries, "--compare", before, after, "--langsmith")


def test_two_reports_are_two_experiments_on_one_dataset(server: LangSmithServer, compared: tuple[object, ...]) -> None:
    code, output, said = run(*compared)
    assert (code, said.count("stored in LangSmith: pictures hybrid ")) == (0, 2)
    assert "| NDCG@10 | 0.125 (" in output
    (dataset,) = server.datasets.values()
    assert re.fullmatch(r"pictures [0-9a-f]{12}", dataset["name"])
    assert sorted(example["inputs"]["text"] for example in server.examples.values()) == ["boat", "penguin", "ramen"]
    assert {project["reference_dataset_id"] for project in server.projects.values()} == {dataset["id"]}
    assert all(project["end_time"] for project in server.projects.values())
    ramen = next(key for key, example in server.examples.items() if example["inputs"]["text"] == "ramen")
    assert server.examples[ramen]["inputs"]["options"] == {"place": "Kyoto"}
    assert server.examples[ramen]["outputs"] == {"relevant": {"a.png": 3}}
    assert len(server.runs) == 2 * len(QUERIES["queries"])
    runs = [server.runs[key] for key, sent in server.runs.items() if sent["reference_example_id"] == ramen]
    assert [sent["inputs"] for sent in runs] == [{"text": "ramen"}] * 2
    assert [sent["outputs"]["found"] for sent in runs] == [["a.png"]] * 2
    assert {sent["error"] for sent in server.runs.values() if sent["name"] == "2"} == {"500: broken"}
    assert all(sent["end_time"] > sent["start_time"] for sent in server.runs.values())
    scores = [
        (server.runs[given["run_id"]]["name"], given["key"], given["score"]) for given in server.feedback.values()
    ]
    assert sorted(score for name, key, score in scores if (name, key) == ("1", "ndcg")) == [0.5, 0.75]
    assert sorted(key for name, key, _ in scores if name == "2") == sorted(
        ["ndcg", "mrr", "precision", "recall", "no_result_right"] * 2
    )
    assert [(key, score) for name, key, score in scores if name == "3"] == [("no_result_right", 1.0)] * 2


def test_what_is_stored_is_not_sent_again(server: LangSmithServer, compared: tuple[object, ...]) -> None:
    assert run(*compared)[0] == 0
    stored = json.dumps([server.datasets, server.examples, server.projects, server.runs, server.feedback])
    server.requests.clear()
    assert run(*compared)[0] == 0
    assert json.dumps([server.datasets, server.examples, server.projects, server.runs, server.feedback]) == stored
    assert not any("multipart" in asked or "PATCH" in asked for asked in server.requests)


@pytest.mark.parametrize("refused", ["/datasets", "/v1/platform", "/sessions", "/runs"])
def test_a_refusal_is_one_line_and_the_next_run_completes(
    server: LangSmithServer, compared: tuple[object, ...], refused: str
) -> None:
    server.refuses = refused
    code, output, said = run(*compared)
    assert (code, said.count("\n")) == (0, 1)
    assert said.startswith("mesh: not stored")
    assert "| NDCG@10 | 0.125 (" in output
    assert not any(project.get("end_time") for project in server.projects.values())
    server.refuses = None
    assert run(*compared)[0] == 0
    assert (len(server.datasets), len(server.examples), len(server.projects)) == (1, 3, 2)
    assert (len(server.runs), len(server.feedback)) == (6, 22)


def test_an_evaluation_is_stored_and_survives_without_the_server(
    server: LangSmithServer, queries: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = {"results": [{"item_id": "i", "metadata": {"original_filename": "a.png"}}]}
    monkeypatch.setattr("mesh.client.Api.search", lambda *_, **__: found)
    asked = (queries, "--url", "http://api.invalid", "--token", "t", "--json", "--plot", tmp_path / "ndcg.svg")
    code, output, said = run(*asked, "--langsmith")
    assert (code, said.count("stored in LangSmith")) == (0, 1)
    assert json.loads(output)["queries"][0]["found"] == ["a.png"]
    assert len(server.runs) == len(QUERIES["queries"])
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")
    code, output, said = run(*asked, "--langsmith")
    assert (code, said.strip().count("\n")) == (0, 0), said
    assert said.strip().startswith("mesh: not stored in LangSmith: ")
    assert json.loads(output)["figures"]["mrr"]["mean"] == pytest.approx(0.5)
    assert (tmp_path / "ndcg.svg").exists()


def test_nothing_is_sent_unasked_or_without_a_key(
    server: LangSmithServer, compared: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*compared[1:-1])[::2] == (0, "")
    monkeypatch.setenv("LANGSMITH_API_KEY", "")
    assert run(*compared)[::2] == (0, "mesh: not stored in LangSmith: LANGSMITH_API_KEY is not set\n")
    assert server.requests == []


def test_reports_of_other_queries_are_not_stored(
    server: LangSmithServer, compared: tuple[object, ...], queries: Path
) -> None:
    written(queries, {**QUERIES, "queries": QUERIES["queries"][1:]})
    assert "a report is of queries that are not in the query set" in run(*compared)[2]
    assert server.requests == []
    assert run(*compared[1:])[0] == 2
