"""`mesh rebuild`, on a service and owners in memory: what it counts, asks, orders and switches, and how it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contracts import REGISTRY, Event
from contracts.operations import ReplayState, Selection
from manifests import load_manifests
from mesh.cli import app
from mesh.environments import DeployedFunction, Environment
from mesh.rebuild import due, running
from mesh.rebuild.errors import TablesDifferError
from mesh.replay import following
from testkit.operator.environments import bare_environment
from workspace import REPOSITORY

TABLES = ["documents", "postings", "numbers"]


@dataclass
class Search:
    """Search's maintenance as far as rebuilds go, the bus, and three owners of events in one."""

    rebuilds: list[dict[str, Any]] = field(default_factory=list)
    due: list[str] = field(default_factory=list)
    differing: dict[str, int] = field(default_factory=dict)
    arrived: int = 0
    state: ReplayState = ReplayState.COMPLETED
    orders: list[Event[Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        what = next(iter(request))
        self.asked.append(what)
        match request:
            case {"list": _}:
                return {"rebuilds": self.rebuilds, "tables": TABLES, "due": self.due}
            case {"count": _}:
                return {"counts": {}}
            case {"begin": wanted}:
                if not self.rebuilds or self.rebuilds[0]["state"] != "folding":
                    self.rebuilds.insert(0, _rebuild(len(self.rebuilds), changed=wanted["changed"] + self.due))
                    self.rebuilds[0]["subjects"] = wanted["subjects"]
                    self.due = []
            case {"compare": _, "table": "numbers"}:
                return {"comparison": None if self.rebuilds[0]["subjects"] else self._compared("numbers")}
            case {"compare": _, "table": table}:
                return {"comparison": self._compared(table)}
            case {"sample": _, "number": _} if self.rebuilds[0]["subjects"]:
                return {"comparison": None}
            case {"sample": _, "number": _}:
                return {"comparison": self._compared("sampled searches")}
            case {"fold": _}:
                self.rebuilds[0]["is_own_done"] = True
            case {"switch": _, "days": days}:
                self.rebuilds[0] |= {"state": "switched", "kept_until": f"2026-12-{days:02}T12:00:00+00:00"}
            case {"rollback": _}:
                self.rebuilds[0]["state"] = "rolled-back"
            case {"cancel": _}:
                self.rebuilds[0]["state"] = "cancelled"
        return {"rebuilds": [self.rebuilds[0] | {"applied": self.arrived}]}

    def _compared(self, table: str) -> dict[str, Any]:
        beside = self.differing.get(table, 3)
        expected = table in self.rebuilds[0]["changed"]
        return {
            "table": table, "live_rows": 3, "beside_rows": beside, "live_hash": "3", "beside_hash": str(beside),
            "missing": 3 - beside, "added": 0, "columns": {}, "is_equal": beside == 3, "is_expected": expected,
        }  # fmt: skip

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "dev-search-maintenance"
        answer = self.answer(json.loads(Payload)["rebuilds"])
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.orders += [REGISTRY.read(json.loads(entry["Detail"])) for entry in Entries]
        return {"Entries": [{"EventId": "id"}]}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:iam::000000000000:user/me"}

    def require(self, services: Sequence[str]) -> None:
        assert services == ["analysis", "embedding", "imaging", "ingest"]

    def show(self, replay_id: str, services: Sequence[str]) -> list[Any]:
        if not any(order.subject == replay_id for order in self.orders):
            return []
        # Two of each, and none of imaging.
        done = {each: 1 if each == "imaging" else 3 for each in services}
        return [SimpleNamespace(service=each, state=self.state, done=done[each], left_out=1) for each in services]

    def count(self, services: Sequence[str], selection: Selection) -> dict[str, dict[str, int]]:
        return {"analysis": {"collections.analysis.item-analyzed.v1": 5}, "ingest": {}}


def _rebuild(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"rebuild-{number}", "state": "folding", "who": "me", "why": "a test", "changed": [], "tenants": [],
        "subjects": [],
        "folded": 0, "is_own_done": False, "failure": None, "kept_until": None, "requested_at": "2026-11-30T12:00:00Z",
    } | changes  # fmt: skip


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Search:
    search = Search(arrived=6)  # each of three owners left one of three events out
    function = DeployedFunction(name="dev-search-maintenance", log_group="/logs")
    environment = bare_environment("dev", functions={"search.maintenance": function}, event_bus="dev-bus")
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: {"dev": environment}[name])
    monkeypatch.setattr(Environment, "client", lambda self, service, **_: search)
    monkeypatch.setattr(Environment, "aws", type("Aws", (), {"events": search}))
    monkeypatch.setattr(running, "Owners", lambda _: search)
    monkeypatch.setattr(following, "follow", lambda owners, replay, services, quiet: owners.show(replay, services))
    monkeypatch.setattr(running, "STALLED_S", 0.0)
    monkeypatch.setattr(running, "_LOOK_S", 0.0)
    return search


def run(*arguments: str, exit_code: int = 0, given: str = "") -> Result:
    result = CliRunner().invoke(app, ["rebuild", *arguments, "--env", "dev"], input=given)
    assert result.exit_code == exit_code, result.output
    return result


def test_a_rebuild_is_counted_confirmed_compared_and_switched(search: Search) -> None:
    assert "5 events into documents, postings, numbers" in run("search", "--dry-run").stdout
    assert "Rebuild documents, postings, numbers of search in dev?" in run("search", exit_code=1, given="n\n").stderr
    assert search.asked == ["list", "count", "list", "count"], "nothing was changed"
    result = run("search", "--why", "a test", "--keep-days", "9", given="y\ny\n")
    assert "Switch search in dev to the rebuilt tables?" in result.stderr
    assert "rebuild-0: switched; `mesh rebuild search --rollback` goes back until 2026-12-09T12:00:00Z" in result.stdout
    (order,) = search.orders
    assert (order.subject, order.data.consumer, str(order.data.kind)) == ("rebuild-0", "search", "rebuild")
    again = run("search", exit_code=1, given="n\n")
    assert "The old tables of rebuild-0 are given up." in again.stderr


def test_some_items_are_rebuilt_alone(search: Search) -> None:
    run("search", "--item", "item-1", "--item", "item-2", "--no-switch", "--yes")
    (order,) = search.orders
    assert order.data.selection.subjects == ("item-1", "item-2")
    other = run("search", "--item", "item-3", "--yes", exit_code=1)
    assert "rebuild-0 is under way for other items: finish it or `--cancel` it" in other.stderr
    shown = json.loads(run("search", "--item", "item-2", "--item", "item-1", "--yes", "--json").stdout)
    assert [each["table"] for each in shown["tables"]] == ["documents", "postings"], "numbers are counted"


def test_what_was_interrupted_is_gone_on_with(search: Search) -> None:
    search.rebuilds = [_rebuild(0)]
    result = run("search", "--no-switch", "--yes")
    assert "going on with rebuild-0" in result.stderr
    assert "count" not in search.asked[:1]
    run("search", "--yes")
    assert len(search.orders) == 1, "the replay is ordered once"
    assert [each["state"] for each in search.rebuilds] == ["switched"]
    assert "going on" not in run("search", "--yes", "--json").stderr


@pytest.mark.parametrize(
    ("arguments", "beside", "exit_code"),
    [
        ((), 2, 1),
        (("--changed", "postings"), 2, 1),
        (("--changed", "documents"), 2, 0),
        (("--changed", "documents"), 0, 1),
        (("--accept-differences",), 0, 0),
    ],
)
def test_tables_that_differ_are_not_switched_to_unless_that_is_meant(
    search: Search, arguments: tuple[str, ...], beside: int, exit_code: int
) -> None:
    search.differing = {"documents": beside}
    result = run("search", "--yes", *arguments, exit_code=exit_code)
    assert f"{3 - beside} missing" in result.stdout
    assert ("switch" in search.asked) == (exit_code == 0)
    if exit_code:
        assert "documents would not be as now" in result.stderr.replace("\n", " ")


def test_events_that_do_not_arrive_are_not_switched_without(search: Search) -> None:
    search.arrived = 4
    result = run("search", "--yes", exit_code=1)
    assert "2 of 6 replayed events have not reached search: `mesh dlq list`" in result.stderr.replace("\n", " ")
    search.state = ReplayState.PAUSED
    assert "paused in analysis" in run("search", "--yes", exit_code=1).stderr.replace("\n", " ")
    assert "switch" not in search.asked


def test_a_rebuild_that_failed_or_is_over_is_said_so(search: Search) -> None:
    search.rebuilds = [_rebuild(0, failure="DivisionByZero of the event 1")]
    search.arrived = 0
    assert "DivisionByZero" in run("search", "--yes", exit_code=1).stderr
    assert "is under way for other tenants" in run("search", "--yes", "--tenant", "t", exit_code=1).stderr


def test_back_and_away(search: Search) -> None:
    assert "search keeps no old tables" in run("search", "--rollback", "--yes", exit_code=1).stderr
    assert "no tables beside the live ones" in run("search", "--cancel", "--yes", exit_code=1).stderr
    run("search", "--yes")
    asked = run("search", "--rollback", exit_code=1, given="n\n").stderr
    assert "Let the tables of search from before rebuild-0 be live again, and drop the rebuilt ones?" in asked
    assert json.loads(run("search", "--rollback", "--yes", "--json").stdout)["rebuild"]["state"] == "rolled-back"
    search.rebuilds.insert(0, _rebuild(1))
    assert "rebuild-1: cancelled" in run("search", "--cancel", "--yes").stdout
    shown = json.loads(run("search", "--show", "--json").stdout)
    assert [each["state"] for each in shown["rebuilds"]] == ["cancelled", "rolled-back"]
    search.due = ["documents"]
    assert "migrations want documents rebuilt" in run("search", "--show").stdout
    run("search", "--show", "--dry-run", exit_code=2)


@pytest.mark.parametrize(("service", "why"), [("nothing", "there are: analysis"), ("", "there are: analysis")])
def test_what_cannot_be_rebuilt_beside_is_refused(search: Search, service: str, why: str) -> None:
    assert why in run(service, exit_code=1).stderr.replace("\n", " ")
    assert search.asked == []


def test_an_outdated_function_is_told_apart(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "answer", lambda _: {"tenants": 0})
    assert "search knows nothing of rebuilds yet: deploy search" in run("search", exit_code=1).stderr


def test_a_deployment_does_what_migrations_want_once(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    from mesh.environments import open_environment

    manifests, said, waited = load_manifests(REPOSITORY), list[str](), list[float]()
    environment = open_environment("dev")
    assert due.run_due(environment, manifests, ["imaging"], said.append, sleep=waited.append) == []
    assert search.asked == [], "no migration of imaging says so"
    monkeypatch.setattr(due, "marked", lambda manifests, services: services)
    search.due, search.differing = ["documents"], {"documents": 1}
    for _ in range(2):
        due.run_due(environment, manifests, ["search"], said.append, sleep=waited.append)
    assert search.asked.count("switch") == len(search.orders) == 1
    assert waited == [due.UNDER_WAY_S], "an invocation that began before has the old folds"
    assert said[0] == "rebuilding search: migrations have changed what documents say"
    search.due, search.differing = ["documents"], {"postings": 1}
    with pytest.raises(TablesDifferError, match="postings would not"):
        due.run_due(environment, manifests, ["search"], said.append, sleep=waited.append)


def test_a_marked_migration_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "0009_more.sql"
    file.write_text("-- rebuild: documents\nALTER TABLE documents ADD COLUMN more text;\n")
    manifests = load_manifests(REPOSITORY)
    assert due.marked(manifests, sorted(manifests.services)) == ["chat", "embedding", "search"]
    monkeypatch.setattr(due, "migration_folders", lambda root, service: [tmp_path])
    assert due.marked(manifests, ["search"]) == ["search"]
