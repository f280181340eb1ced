"""`mesh evaluate`: metrics against values worked out by hand, reports, and their comparison."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from mesh.cli import app
from mesh.client import Api, ApiError
from mesh.evaluate.metrics import interval, ndcg, precision, recall, reciprocal_rank

GRADES = {"a": 3, "b": 1, "c": 0, "d": 1}


@pytest.mark.parametrize(
    ("metric", "found", "k", "expected"),
    [
        (precision, ["a", "x", "b"], 3, 2 / 3),
        (precision, ["a"], 10, 0.1),
        (precision, ["c", "x"], 2, 0.0),
        (precision, ["a", "a"], 2, 0.5),
        (recall, ["a", "x", "b"], 3, 2 / 3),
        (recall, ["x", "a"], 1, 0.0),
        (reciprocal_rank, ["x", "c", "b", "a"], 10, 1 / 3),
        (reciprocal_rank, ["x", "c", "b"], 2, 0.0),
        (ndcg, ["a", "b", "d"], 10, 1.0),
        # 1 + 7 / log2(3), of 7 + 1 / log2(3) + 1 / 2
        (ndcg, ["b", "a"], 10, (1 + 7 / 1.5849625) / (7 + 1 / 1.5849625 + 0.5)),
        (ndcg, ["a", "a", "a"], 1, 1.0),
        (ndcg, [], 10, 0.0),
    ],
)
def test_metrics(metric: Callable[..., float], found: list[str], k: int, expected: float) -> None:
    assert metric(found, GRADES, k) == pytest.approx(expected)


def test_without_relevant_items_nothing_is_gained() -> None:
    assert [metric(["c"], {"c": 0}, 5) for metric in (ndcg, recall, precision, reciprocal_rank)] == [0, 0, 0, 0]


def test_an_interval_is_of_the_mean() -> None:
    low, high = interval([0.0, 1.0] * 50)
    assert 0.35 < low < 0.45
    assert 0.55 < high < 0.65
    assert interval([0.5]) == (0.5, 0.5)


QUERIES = {
    "name": "pictures",
    "queries": [
        {"id": "1", "text": "ramen", "kind": "single", "relevant": {"a.png": 1}, "options": {"place": "Kyoto"}},
        {"id": "2", "text": "boat", "kind": "single", "relevant": {"b.png": 1}},
        {"id": "3", "text": "fails", "kind": "multi", "relevant": {"a.png": 1}},
        {"id": "4", "text": "penguin", "kind": "no-result"},
        {"id": "5", "text": "unicorn", "kind": "no-result"},
    ],
}
FOUND: dict[str, list[str]] = {"ramen": ["a.png"], "boat": ["x.png", "b.png"], "penguin": [], "unicorn": ["x.png"]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the API was asked; a query that it does not know fails."""
    requests: list[dict[str, Any]] = []

    def search(_: object, query: str, **options: Any) -> dict[str, Any]:
        requests.append({"query": query, **options})
        if query not in FOUND:
            raise ApiError(500, {"detail": "broken"})
        return {"results": [{"item_id": "i", "metadata": {"original_filename": name}} for name in FOUND[query]]}

    monkeypatch.setattr("mesh.client.Api.search", search)
    return requests


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "queries.json"
    path.write_text(json.dumps(QUERIES), encoding="utf-8")
    return path


API = ("--url", "http://api.invalid", "--token", "t")


def test_queries_are_asked_and_scored(queries: Path, asked: list[dict[str, Any]]) -> None:
    code, output, _ = run(queries, *API, "--search-type", "bm25", "-k", 5, "--json")
    report = json.loads(output)
    assert code == 0
    assert asked[0] == {
        "query": "ramen", "search_type": "bm25", "top_k": 5, "include_answer": False, "place": "Kyoto"
    }  # fmt: skip
    assert report["figures"]["mrr"]["mean"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert report["by_kind"]["multi"]["recall"]["mean"] == 0
    assert report["no_result"] == {"precision": 1.0, "recall": 0.5}
    assert [query["error"] for query in report["queries"]] == [None, None, "500: broken", None, None]


def test_a_report_for_people(queries: Path, asked: list[dict[str, Any]]) -> None:
    code, output, _ = run(queries, *API)
    assert code == 0
    assert "| single | 2 | 0.815 (0.631 to 1.000) |" in output
    assert "No result: precision 1.00, recall 0.50." in output
    assert "Errors: 1." in output


def test_a_report_is_drawn(queries: Path, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    picture = tmp_path / "ndcg.svg"
    assert run(queries, *API, "--plot", picture)[0] == 0
    drawn = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    written = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert written == ["pictures: NDCG@10", "all", "0.544", "single", "0.815", "multi", "0.000"]
    code, _, errors = run(queries, *API, "--plot", tmp_path / "missing" / "ndcg.svg")
    assert code == 1
    assert "cannot be written" in " ".join(errors.split())


def test_an_environment_gives_the_address_and_signs_its_user_in(
    queries: Path, asked: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, str | None]] = []
    password = tmp_path / "password"
    password.write_text("secret\n", encoding="utf-8")

    class Pool:
        def __init__(self, environment: Any) -> None:
            assert environment.name == "dev"

        def sign_in(self, email: str, given: SecretStr) -> Any:
            return SimpleNamespace(access=SecretStr(f"{email} {given.get_secret_value()}"))

    @contextmanager
    def api(url: str, token: str | None) -> Iterator[Any]:
        opened.append((url, token))
        with Api("http://api.invalid", token) as client:
            yield client

    environments = {"dev": SimpleNamespace(name="dev", api_url="http://dev.invalid")}
    monkeypatch.setattr("mesh.environments.open_environment", environments.__getitem__)
    monkeypatch.setattr("mesh.users.pool.UserPool", Pool)
    monkeypatch.setattr("mesh.client.Api", api)
    assert run(queries, "--env", "dev", "--user", "a@b.example", "--password-file", password)[0] == 0
    assert run(queries, "--env", "dev", "--token", "t")[0] == 0
    assert opened == [("http://dev.invalid", "a@b.example secret"), ("http://dev.invalid", "t")]
    for wrong in (("--env", "dev"), ("--env", "dev", *API), ("--url", "http://api.invalid", "--user", "a@b.example")):
        assert run(queries, *wrong)[0] == 2


def test_reports_are_compared_query_by_query(
    queries: Path, asked: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = tmp_path / "a.json", tmp_path / "b.json"
    before.write_text(run(queries, *API, "--json")[1], encoding="utf-8")
    monkeypatch.setitem(FOUND, "boat", ["b.png"])
    after.write_text(run(queries, *API, "--json")[1], encoding="utf-8")
    code, output, _ = run("--compare", before, after)
    assert code == 0
    assert "| MRR | 0.167 (" in output
    code, output, _ = run("--compare", after, before, "--json")
    assert code == 1
    assert json.loads(output)["mrr"]["mean"] == pytest.approx(-1 / 6)
    assert run("--compare", after, before, "--max-drop", 1)[0] == 0
    other = json.loads(before.read_text(encoding="utf-8"))
    other["queries"].pop()
    other["k"] = 3
    before.write_text(json.dumps(other), encoding="utf-8")
    assert run("--compare", before, after)[::2] == (
        1,
        "mesh: the reports are not of the same answerable queries and k\n",
    )


@pytest.mark.parametrize(
    "arguments", [(), ("q.json",), ("q.json", *API, "--search-type", "agentic"), ("q.json", "--compare", "a", "b")]
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"name": "x", "queries": []}', json.dumps(QUERIES).replace('"2"', '"1"'), "[" * 100_000],
    ids=["empty", "a list", "no queries", "an id twice", "nested too deeply"],
)
def test_a_set_that_cannot_be_read_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "q.json"
    path.write_text(text, encoding="utf-8")
    code, _, problem = run(path, *API)
    assert (code, problem.count("\n")) == (1, 1)
    assert "cannot be read" in problem


@pytest.mark.usefixtures("asked")
def test_an_api_that_answers_nothing_fails(queries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for known in list(FOUND):
        monkeypatch.delitem(FOUND, known)
    code, output, problem = run(queries, *API, "--json")
    assert (code, problem.strip()) == (1, "mesh: no query was answered: 500: broken")
    assert len(json.loads(output)["queries"]) == len(QUERIES["queries"])
