"""`mesh reprocess`, on functions in memory: what it compares, orders and shows, and how it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contracts import REGISTRY, ReprocessMode
from contracts.operations import ReplayRequested
from mesh.cli import app
from mesh.environments import DeployedFunction, Environment
from mesh.replay import following
from mesh.reprocess import comparing, quality, running
from mesh.reprocess.errors import QueriesInvalidError
from testkit.operator.environments import bare_environment

RUN, PLAN = "run-1", {"prompt": "collections-app-brief@1", "provider": "anthropic", "model": "a-model"}
PROCESSED = "collections.imaging.image-processed.v1"


def description(headline: str, *hashtags: str) -> dict[str, Any]:
    return {"headline": headline, "media_metadata": {"hashtags": list(hashtags)}}


def pair(item: str, before: dict[str, Any] | None, after: dict[str, Any], *, ms: int | None = 100) -> dict[str, Any]:
    live = before and {"version": 1, "description": before, "cost_usd": 0.02}
    candidate = {"description": after, "cost_usd": 0.01 if ms else 0, "duration_ms": ms, "output_tokens": 40}
    return {"item_id": item, "live": live, "candidate": candidate}


PAIRS = [
    pair(
        "item-1", description("A bowl", "#ramen", "#lunch"), description("A bowl of ramen", "#ramen", "#kyoto"), ms=300
    ),
    pair("item-2", description("A cat"), description("A cat")),
    pair("item-3", None, description("New"), ms=None),
]


@dataclass
class Mesh:
    """The relays of imaging and analysis, and what search answers, behind the clients of the environment `dev`."""

    orders: list[ReplayRequested] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(
        default_factory=lambda: {"types": [PROCESSED], **PLAN, "each_usd": 0.02, "most_usd": 0.5}
    )
    promoted: dict[str, Any] = field(default_factory=lambda: {"versions": 2, "returning": 1, "items": ["item-1"]})
    candidates: int = 3
    contract: str = ReplayRequested.schema_version
    spending: dict[str, Any] = field(
        default_factory=lambda: {
            "budget_usd": 5, "spent_usd": 0.02, "reserved_usd": 0, "made": 2, "reused": 0, "failed": 1, "left_over": 0,
        }
    )  # fmt: skip
    ranked: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        answer = self._answer(FunctionName, json.loads(Payload)["replays"])
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def _answer(self, function: str, request: dict[str, Any]) -> dict[str, Any]:
        match request:
            case {"show": replay_id}:
                known = function == "dev-imaging-relay" and replay_id in [*self.ids, RUN]
                return {"replays": [self._replay(replay_id)] if known else []}
            case {"contract": _}:
                return {"contract": self.contract}
            case {"spending": _}:
                return {"spending": self.spending}
            case {"reprocessing": _}:
                return {"reprocessing": self.told}
            case {"runs": asked}:
                return {"runs": self._ranks(asked) if function == "dev-search-maintenance" else self._runs(asked)}
        raise AssertionError(request)

    def _runs(self, asked: dict[str, Any]) -> dict[str, Any]:
        match asked:
            case {"sample": number}:
                return {"items": [{"item_id": f"item-{n}"} for n in range(1, min(number, 3) + 1)], "pictures": 12}
            case {"run": _}:
                run = {
                    **PLAN,
                    "candidates": self.candidates,
                    "paid": 2,
                    "cost_usd": 0.02,
                    "items": ["item-1", "item-2"],
                }
                return {"run": run, "promoted": self.promoted}
            case {"pairs": _, "after": after}:
                return {"pairs": PAIRS[2:] if after else PAIRS[:2], "next": None if after else "item-2"}
            case {"rest": _}:
                return {"rest": {"pictures": 12, "others": 11, "paid": 9}}
            case {"versions": "item-1"}:
                row = {"restores": None, "run_id": None, "model": "m", "prompt_id": "p@1", "cost_usd": 0.01}
                return {"versions": [row | {"version": n, "created_at": "2026-11-01 10:00:00"} for n in (2, 1)]}
            case {"versions": _}:
                return {"versions": []}
        raise AssertionError(asked)

    def _ranks(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.ranked.append(asked)
        best = "item-2" if len(self.ranked) == 1 else "item-1"
        return {"rankings": {query: list(dict.fromkeys([best, "item-1"])) for query in asked["queries"]}}

    def _replay(self, replay_id: str) -> dict[str, Any]:
        counts = [{"type": PROCESSED, "selected": 3, "published": 3}]
        return {
            "id": replay_id, "consumer": "analysis", "kind": "reprocess", "state": "completed", "rate": 500,
            "selection": {"types": [PROCESSED], "tenants": ["tenant-a"]}, "requested_at": "2026-11-01T10:00:00+00:00",
            "counts": counts, "position": 9,
        }  # fmt: skip

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        (entry,) = Entries
        order = REGISTRY.read(json.loads(entry["Detail"]))
        assert isinstance(order.data, ReplayRequested)
        self.orders.append(order.data)
        self.ids.append(order.subject)
        return {"Entries": [{"EventId": "id"}]}

    def get_caller_identity(self) -> Mapping[str, str]:
        return {"Arn": "arn:aws:iam::000000000000:user/me"}


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> Mesh:
    mesh = Mesh()
    functions = {
        key: DeployedFunction(name=f"dev-{key.replace('.', '-')}", log_group="/logs")
        for key in ("analysis.relay", "imaging.relay", "search.maintenance")
    }
    environment = bare_environment("dev", functions=functions, event_bus="dev-bus")
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: {"dev": environment}[name])
    monkeypatch.setattr(Environment, "client", lambda self, service, **_: mesh)
    monkeypatch.setattr(Environment, "aws", type("Aws", (), {"events": mesh}))
    monkeypatch.setattr(following, "TAKEN_UP_S", 0.0)
    monkeypatch.setattr(running, "PATIENCE_S", 0.0)
    return mesh


def run(*arguments: str, exit_code: int = 0, given: str = "") -> Result:
    result = CliRunner().invoke(app, ["reprocess", "analysis", *arguments, "--env", "dev"], input=given)
    assert result.exit_code == exit_code, result.output
    return result


def test_a_sample_is_confirmed_ordered_as_candidates_and_compared(dev: Mesh, tmp_path: Path) -> None:
    sampling = ("--sample", "3", "--budget", "5", "--tenant", "tenant-a", "--prompt", "collections-app-brief")
    planned = json.loads(run(*sampling, "--dry-run", "--json").stdout)
    assert (planned["prompt"], planned["sample"], planned["pictures"]) == (PLAN["prompt"], 3, 12)
    assert planned["expected_usd"] == 0.06
    refused = run(*sampling, exit_code=1, given="n\n")
    assert "for up to 5.00 USD, beside the live versions?" in refused.stderr
    assert dev.orders == []
    queries = tmp_path / "queries.json"
    queries.write_text(json.dumps([{"query": "ramen", "relevant": ["item-1"]}, {"query": "x", "relevant": ["other"]}]))
    found = json.loads(run(*sampling, "--queries", str(queries), "--yes", "--json").stdout)
    (order,) = dev.orders
    assert (order.mode, order.run, order.prompt, order.model) == (
        ReprocessMode.CANDIDATES, None, PLAN["prompt"], PLAN["model"],
    )  # fmt: skip
    assert (order.selection.subjects, order.budget_usd) == (("item-1", "item-2", "item-3"), 5)
    assert (found["run"], found["rest"]["paid"], found["rest_usd"]) == (planned["run"], 9, 0.09)
    assert found["search"] == {
        "over": "2 sampled items that have both, by keywords alone (BM25)", "queries": 1, "left_out": 1,
        "live": {"ndcg@10": 0.6309, "mrr": 0.5}, "candidate": {"ndcg@10": 1.0, "mrr": 1.0},
    }  # fmt: skip
    assert [len(each["documents"]) for each in dev.ranked] == [2, 2]
    assert "ordered before: " in run(*sampling, "--yes").stderr
    assert len(dev.orders) == 1, "the same order twice is one run"


def test_a_comparison_says_what_differs_what_it_cost_and_how_long_it_took(dev: Mesh) -> None:
    shown = run("--show", RUN).stdout
    assert "headline of item-1:\n  - A bowl\n  + A bowl of ramen" in shown
    assert "media_metadata.hashtags of item-1:\n  - #ramen, #lunch\n  + #ramen, #kyoto" in shown
    assert (
        "3 candidates: 2 paid, 1 reused; 0.0200 USD, 0.0100 each, live 0.0200; 0.1 s each (p50), 0.3 s (p95)" in shown
    )
    assert "the rest: 9 of 12 pictures to be paid for, about 0.09 USD" in shown
    found = {each["field"]: each for each in comparing.differences(PAIRS, examples=0)}
    assert (found["headline"]["changed"], found["headline"]["compared"], found["headline"]["share"]) == (1, 2, 0.5)
    hashtags = found["media_metadata.hashtags"]
    assert (hashtags["most_added"], hashtags["most_removed"]) == ({"#kyoto": 1}, {"#lunch": 1})
    assert comparing.figures([])["p95_ms"] is None


def test_a_promotion_takes_the_candidates_first_and_then_the_rest(dev: Mesh) -> None:
    shown = run("--promote", RUN, "--budget", "2", "--yes").stdout
    first, then = dev.orders
    assert (first.selection.subjects, first.budget_usd) == (("item-1", "item-2"), 0)
    assert (then.selection.subjects, then.budget_usd) == ((), 2)
    for order in dev.orders:
        assert (order.mode, order.run, order.prompt, order.model) == (None, RUN, PLAN["prompt"], PLAN["model"])
        assert order.selection.tenants == ("tenant-a",), "whose the sample was"
    assert "11 of 12 pictures are not described by a-model" in shown
    assert "goes on with 11" in shown
    assert "set ANALYSIS_PROMPT=collections-app-brief@1" in shown
    assert json.loads(run("--promote", RUN, "--budget", "2", "--dry-run", "--json").stdout)["paid"] == 9


def test_a_rollback_is_of_a_run_or_of_an_item(dev: Mesh) -> None:
    dev.spending = dev.spending | {"made": 0, "reused": 1, "failed": 0, "left_over": 2}
    assert "1 items would return" in run("--rollback", RUN, "--dry-run").stdout
    assert "1 items returned, 2 left as they were" in run("--rollback", RUN, "--yes").stdout
    run("--item", "item-1", "--version", "1", "--yes")
    first, second = dev.orders
    assert (first.mode, first.run, first.selection.subjects) == (ReprocessMode.ROLLBACK, RUN, ("item-1",))
    assert (second.version, second.run, second.selection.subjects) == (1, None, ("item-1",))
    assert (first.budget_usd, second.budget_usd) == (None, None)
    assert "p@1" in run("--item", "item-1").stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--sample", "3"], "analysis pays a-model: --budget USD is required"),
        (["--sample", "3", "--budget", "0.1"], "one call of a-model may cost 0.500000 USD"),
        (["--promote", RUN], "analysis pays a-model: --budget USD is required"),
        (["--item", "item-9"], "no item 'item-9' is described"),
        (["--item", "item-1", "--version", "9"], "item-1 has no version 9 (it has 1 to 2)"),
        (["--item", "item-1", "--version", "2"], "version 2 is what item-1 says now"),
        (["--show", RUN, "--queries", "nowhere.json"], "nowhere.json: No such file"),
    ],
    ids=["no budget", "too small", "promotion", "item", "version", "current", "queries"],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], reason: str, dev: Mesh) -> None:
    refused = run(*arguments, exit_code=1)
    assert refused.stderr.startswith(f"mesh: {reason}")
    assert refused.stderr.count("\n") == 1
    assert dev.orders == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--sample", "3", "--show", RUN],
        ["--rollback", RUN, "--budget", "3"],
        ["--version", "3", "--show", RUN],
        ["--promote", RUN, "--prompt", "p"],
        ["--rollback", RUN, "--queries", "q.json"],
    ],
    ids=["nothing", "two", "budget", "version", "prompt", "queries"],
)
def test_what_does_not_go_together_is_wrong_usage(arguments: list[str], dev: Mesh) -> None:
    run(*arguments, exit_code=2)
    assert CliRunner().invoke(app, ["reprocess", "search", "--show", RUN]).exit_code == 2


def test_an_unknown_prompt_run_or_an_old_service_is_said(dev: Mesh) -> None:
    sampling = ("--sample", "3", "--budget", "5", "--yes")
    dev.contract = "1.1"
    assert "imaging does not understand such an order yet: deploy it" in run(*sampling, exit_code=1).stderr
    dev.told = {name: value for name, value in dev.told.items() if name != "prompt"}
    assert "analysis knows nothing of prompts by id yet" in run(*sampling, exit_code=1).stderr
    dev.told = {"refused": "no prompt nobody@7"}
    assert "no prompt nobody@7" in run(*sampling, "--dry-run", "--prompt", "nobody@7", exit_code=1).stderr
    dev.promoted = {"versions": 0, "returning": 0, "items": []}
    assert "its candidates were not promoted" in run("--rollback", RUN, exit_code=1).stderr
    dev.candidates = 0
    assert "no candidates are of a run 'run-1'" in run("--promote", RUN, "--budget", "5", exit_code=1).stderr
    assert "nothing live is of a run 'run-1'" in run("--rollback", RUN, exit_code=1).stderr
    assert dev.orders == []


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[" * 100_000, '[{"query": "", "relevant": ["a"]}]', '[{"query": "a", "relevant": []}]'],
    ids=["empty", "an object", "nested too deeply", "no words", "nothing relevant"],
)
def test_a_file_of_queries_has_a_shape(text: str, tmp_path: Path) -> None:
    (tmp_path / "queries.json").write_text(text)
    with pytest.raises(QueriesInvalidError):
        quality.read_queries(tmp_path / "queries.json")
