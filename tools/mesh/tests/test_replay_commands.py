"""`mesh replay`, on services in memory: what it counts, orders and shows, and how it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chassis.budgets import Spending
from chassis.queue import EventConsumer
from chassis.replays import on_replays
from chassis.schedule import relay
from chassis.service import Service
from chassis.settings import Settings
from contracts import REGISTRY, Event, ReplayKind, new_event
from contracts.ingest import ItemDeleted
from contracts.operations import OPERATORS, ReplayRequested, ReplayState, Selection
from mesh.cli import app
from mesh.environments import DeployedFunction, Environment
from mesh.replay import estimating, following, ordering
from testkit import Fakes, deliver
from testkit.fakes import SETTINGS
from testkit.invoking import CONTEXT
from testkit.operator.environments import bare_environment
from testkit.replaying import reports

DELETED = ItemDeleted.event_type


@dataclass
class Mesh:
    """Ingest in memory behind the clients of the environment `dev`; chat and the others have no events."""

    fakes: Fakes
    replays: EventConsumer
    ask: Callable[[dict[str, Any]], dict[str, Any]]
    works: bool = True
    orders: list[Event[Any]] = field(default_factory=list)
    refusal: dict[str, str] | None = None

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        event = json.loads(Payload)
        answer = self.ask(event) if FunctionName == "dev-ingest-relay" else _nothing(event["replays"])
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self.refusal is not None:
            return {"Entries": [self.refusal]}
        (entry,) = Entries
        assert (entry["EventBusName"], entry["Source"]) == ("dev-bus", "collections.operator")
        order: Event[Any] = REGISTRY.read(json.loads(entry["Detail"]))
        self.orders.append(order)
        with redirect_stdout(io.StringIO()):  # the service's metrics
            assert deliver(self.replays, order) == []
            while self.works and (waiting := reports(self.fakes.store.events)[-1]).data.state == "running":
                assert deliver(self.replays, waiting) == []
        return {"Entries": [{"EventId": "id"}]}

    def get_caller_identity(self) -> Mapping[str, str]:
        return {"Arn": "arn:aws:iam::000000000000:user/me"}


#: What every other service says of its reprocessing: it pays for what ingest publishes.
FOLLOWING = {"types": [DELETED], "model": "small", "each_usd": 0.001, "most_usd": 0.01}
BESIDE = "; beside the budget embedding pays small about 0.003000 USD for what follows"


def _nothing(request: dict[str, Any]) -> dict[str, Any]:
    if "reprocessing" in request:
        return {"reprocessing": FOLLOWING}
    return {"counts": {}} if "count" in request else {"replays": []}


@pytest.fixture
def ingest(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Mesh:
    service = fakes.under(Service(Settings(service="ingest", **SETTINGS), fakes.aws))
    entry = relay(service)
    ingest = Mesh(fakes, on_replays(service), lambda event: entry(event, CONTEXT))
    functions = {
        f"{name}.relay": DeployedFunction(name=f"dev-{name}-relay", log_group=f"/logs/{name}-relay")
        for name in ("ingest", "imaging", "analysis", "embedding", "chat")
    }
    environment = bare_environment("dev", functions=functions, event_bus="dev-bus")
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: {"dev": environment}[name])
    monkeypatch.setattr(Environment, "client", lambda self, service, **_: ingest)
    monkeypatch.setattr(Environment, "aws", type("Aws", (), {"events": ingest}))
    monkeypatch.setattr(following, "TAKEN_UP_S", 0.0)
    for number in range(3):
        with service.work.on("tenant-a", f"item-{number}") as work:
            work.record(new_event(ItemDeleted(), subject=f"item-{number}", tenant_id="tenant-a"))
    return ingest


def run(*arguments: str, exit_code: int = 0, given: str = "") -> Result:
    result = CliRunner().invoke(app, ["replay", *arguments, "--env", "dev"], input=given)
    assert result.exit_code == exit_code, result.output
    return result


def test_an_order_is_counted_confirmed_published_and_followed(ingest: Mesh) -> None:
    refused = run("search", "--type", "item-deleted", exit_code=1, given="n\n")
    assert "Publish these 3 events again in dev, to search alone?" in refused.stderr
    assert ingest.orders == []
    shown = run("search", "--type", "item-deleted", "--tenant", "tenant-a", "--why", "a test", given="y\n").stdout
    assert "3 events, 0 s at the least, about 0.00 USD in AWS; no model is called" in shown
    assert "completed" in shown
    (order,) = ingest.orders
    assert (order.tenant_id, order.correlation_id) == (OPERATORS, order.subject)
    assert order.data == ReplayRequested(
        who="arn:aws:iam::000000000000:user/me",
        why="a test",
        consumer="search",
        kind=ReplayKind.REBUILD,
        selection=Selection(types=(DELETED,), tenants=("tenant-a",)),
        rate=500,
    )
    assert [each["subject"] for each in ingest.fakes.replayed] == ["item-0", "item-1", "item-2"]


def test_the_same_order_twice_is_one_replay(ingest: Mesh) -> None:
    once = json.loads(run("search", "--type", DELETED, "--yes", "--json").stdout)
    again = run("search", "--type", "item-deleted", "--yes", "--json")
    assert json.loads(again.stdout) == once
    assert "ordered before" in run("search", "--type", "item-deleted", "--yes").stderr
    assert len(ingest.orders) == 1
    assert json.loads(run("search", "--type", DELETED, "--yes", "--json", "--id", "mine").stdout)["id"] == "mine"
    assert len(ingest.orders) == 2


def test_an_id_is_that_of_the_order_and_the_day() -> None:
    selection = Selection(types=(DELETED,))
    first = ordering.replay_id("search", ReplayKind.REBUILD, selection, date(2026, 1, 2))
    assert first == ordering.replay_id("search", ReplayKind.REBUILD, Selection(types=(DELETED,)), date(2026, 1, 2))
    others = {
        ordering.replay_id("chat", ReplayKind.REBUILD, selection, date(2026, 1, 2)),
        ordering.replay_id("search", ReplayKind.REPROCESS, selection, date(2026, 1, 2)),
        ordering.replay_id("search", ReplayKind.REBUILD, Selection(types=(DELETED,), tenants=("a",)), date(2026, 1, 2)),
        ordering.replay_id("search", ReplayKind.REBUILD, selection, date(2026, 1, 3)),
    }
    assert len(others | {first}) == 5


def test_a_dry_run_counts_and_publishes_nothing(ingest: Mesh) -> None:
    counted = json.loads(run("search", "--dry-run", "--json", "--rate", "2").stdout)
    assert counted["counts"] == {"analysis": {}, "embedding": {}, "imaging": {}, "ingest": {DELETED: 3}}
    assert counted["seconds"] == 1.5
    assert 0 < counted["cost_usd"] < 0.001
    shown = run("search", "--dry-run").stdout
    assert DELETED in shown
    assert (ingest.orders, ingest.fakes.replayed) == ([], [])


def test_what_is_selected_by_item_and_time(ingest: Mesh) -> None:
    run(
        "search",
        "--type",
        DELETED,
        "--item",
        "item-1",
        "--since",
        "2020-01-01",
        "--until",
        "2030-01-01T10:00:00",
        "--yes",
    )
    selection = ingest.orders[0].data.selection
    assert selection.recorded_since == datetime(2020, 1, 1, tzinfo=UTC)
    assert selection.recorded_before == datetime(2030, 1, 1, 10, tzinfo=UTC)
    assert [each["subject"] for each in ingest.fakes.replayed] == ["item-1"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nobody"], "no service 'nobody' (there are: analysis, chat,"),
        (["search", "--type", "turn-completed"], "search does not consume 'turn-completed' (it does: image-processed,"),
        (
            ["search", "--from-position", "7"],
            "a position is one of one store, and analysis, embedding, imaging, ingest have",
        ),
        (["search", "--id", "a/b"], "--id has 1 to 64 letters"),
        (["chat"], "the environment has no relay of sessions"),
        (["show", "unknown"], "no service knows of a replay 'unknown'"),
        (["pause", "unknown", "--why", "x"], "no service knows of a replay 'unknown'"),
    ],
    ids=["consumer", "type", "position", "id", "owner", "show", "pause"],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], reason: str, ingest: Mesh) -> None:
    refused = run(*arguments, exit_code=1)
    assert refused.stderr.startswith(f"mesh: {reason}")
    assert refused.stderr.count("\n") == 1
    assert ingest.orders == []


PRICE = {"types": [DELETED], "model": "a-model", "each_usd": 0.25, "most_usd": 1.5}


def sell(ingest: Mesh, told: dict[str, Any]) -> None:
    ask = ingest.ask

    def answer(event: dict[str, Any]) -> dict[str, Any]:
        return {"reprocessing": told} if "reprocessing" in event["replays"] else ask(event)

    ingest.ask = answer


def test_a_reprocessing_says_what_it_costs_and_is_ordered_with_its_budget(ingest: Mesh) -> None:
    sell(ingest, PRICE)
    reprocess = ("ingest", "--kind", "reprocess", "--budget", "2")
    shown = run(*reprocess, "--dry-run").stdout
    assert "up to 3 calls of a-model, about 0.250000 USD each: 0.750000 USD; the budget of 2.00 USD suffices" in shown
    assert BESIDE in shown
    counted = json.loads(run(*reprocess, "--dry-run", "--json").stdout)
    assert (counted["counts"], counted["provider"]["calls_in_budget"]) == ({"ingest": {DELETED: 3}}, 3)
    assert ingest.orders == []
    refused = run(*reprocess, exit_code=1, given="n\n")
    assert "Publish these 3 events again in dev, to ingest alone for up to 2.00 USD?" in refused.stderr
    once = json.loads(run(*reprocess, "--force", "--model", "a-model", "--yes", "--json").stdout)
    (order,) = ingest.orders
    assert (order.data.kind, order.data.budget_usd, order.data.force) == (ReplayKind.REPROCESS, 2, True)
    assert order.data.model == "a-model"
    assert json.loads(run(*reprocess, "--yes", "--json").stdout)["id"] != once["id"], "it is another order"
    assert [each["replaybudget"] for each in ingest.fakes.replayed] == ["2.000000"] * 6


def test_what_was_spent_is_shown(ingest: Mesh) -> None:
    sell(ingest, PRICE)
    run("ingest", "--kind", "reprocess", "--budget", "2", "--yes", "--id", "mine")
    spent = Spending(Decimal(2), Decimal("0.75"), Decimal("0.25"), made=3, reused=1, failed=0, left_over=2)
    ingest.fakes.budgets.rows["mine"] = spent
    shown = run("show", "mine").stdout
    reserved = "0.250000 reserved by calls under way"
    assert f"0.750000 of 2.00 USD spent, {reserved}: 3 made, 1 reused, 0 failed, 2 left over" in shown
    assert BESIDE in shown
    others = ("analysis", "chat", "embedding", "imaging")
    paying = [{"service": name, "model": "small", "provider_usd": 0.003} for name in others]
    assert json.loads(run("show", "mine", "--json").stdout)["spending"] == spent.described() | {"beside": paying}


@pytest.mark.parametrize(
    ("told", "arguments", "reason"),
    [
        (PRICE, ["--kind", "reprocess"], "ingest pays a-model: --budget USD is required to reprocess"),
        (PRICE, ["--kind", "reprocess", "--budget", "1"], "one call of a-model may cost 1.50 USD: a budget of 1.00"),
        ({"refused": "not here"}, ["--kind", "reprocess", "--budget", "1"], "not here"),
        (PRICE, ["--budget", "1"], "--budget, --force, --model, --prompt are for --kind reprocess"),
    ],
    ids=["no budget", "too little", "refused", "rebuild"],
)
def test_a_budget_that_cannot_hold_is_one_line(
    ingest: Mesh, told: dict[str, Any], arguments: list[str], reason: str
) -> None:
    sell(ingest, told)
    assert run("ingest", *arguments, "--yes", exit_code=1).stderr.startswith(f"mesh: {reason}")
    assert ingest.orders == []


def test_who_pays_nobody_needs_no_budget(ingest: Mesh) -> None:
    run("ingest", "--kind", "reprocess", "--type", DELETED, "--to-position", "2", "--yes")
    assert ingest.orders[0].data.selection.to_position == 2


def test_an_order_that_the_bus_refuses_changes_nothing(ingest: Mesh) -> None:
    ingest.refusal = {"ErrorCode": "AccessDenied", "ErrorMessage": "no"}
    refused = run("search", "--yes", exit_code=1)
    assert "mesh: the bus refused the order: AccessDenied: no; nothing was changed\n" in refused.stderr


def test_an_order_that_nobody_takes_up_is_an_error(ingest: Mesh) -> None:
    refused = run("search", "--yes", exit_code=1)
    assert "not taken up within 0 s by analysis, embedding, imaging;" in refused.stderr


def test_a_relay_of_older_code_is_named(ingest: Mesh) -> None:
    ingest.ask = lambda event: {"published": 0}
    assert run("list", exit_code=1).stderr == (
        "mesh: the relay of ingest knows nothing of replays yet: deploy ingest\n"
    )


def test_a_replay_is_paused_resumed_cancelled_and_shown(ingest: Mesh) -> None:
    ingest.works = False
    run("search", "--type", DELETED, "--yes", "--id", "mine", "--no-follow")

    def state() -> str:
        (service,) = json.loads(run("show", "mine", "--json").stdout)["services"]
        return str(service["state"])

    assert state() == "running"
    run("pause", "mine", "--why", "busy")
    assert state() == "paused"
    assert "nothing to pause" in run("pause", "mine", "--why", "busy").stderr
    run("resume", "mine", "--why", "quiet")
    assert state() == "running"
    assert "not confirmed" in run("cancel", "mine", "--why", "wrong", exit_code=1, given="n\n").stderr
    run("cancel", "mine", "--why", "wrong", "--yes")
    assert state() == "cancelled"
    assert [order.type.split(".")[2] for order in ingest.orders] == [
        *("replay-requested", "replay-paused", "replay-resumed", "replay-cancelled")
    ]
    assert DELETED in run("show", "mine").stdout
    assert "cancelled" in run("list").stdout
    (listed,) = json.loads(run("list", "--json").stdout)["replays"]
    assert (listed["id"], listed["consumer"], listed["state"]) == ("mine", "search", ReplayState.CANCELLED)


def test_a_replay_that_fails_is_an_error(ingest: Mesh) -> None:
    ingest.works = False
    run("search", "--type", DELETED, "--yes", "--id", "mine", "--no-follow")
    ingest.fakes.replays.rows["mine"] = replace(ingest.fakes.replays.rows["mine"], state=ReplayState.FAILED)
    assert run("search", "--type", DELETED, "--id", "mine", exit_code=1).stderr.endswith(
        "mesh: failed in ingest; `mesh replay resume mine` goes on\n"
    )


def test_who_stops_looking_is_told_that_it_goes_on(ingest: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest.works = False

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mesh.replay.following.time.sleep", interrupt)
    refused = run("search", "--type", DELETED, "--yes", "--id", "mine", exit_code=130)
    assert "mesh: interrupted; the replay goes on: `mesh replay show mine`" in refused.stderr


def test_there_are_no_replays(ingest: Mesh) -> None:
    assert run("list").stdout == "no replays in dev\n"


def test_the_help_names_the_commands() -> None:
    shown = CliRunner().invoke(app, ["replay", "--help"]).stdout
    assert "mesh replay CONSUMER" in shown
    assert all(f"  {command} " in shown for command in ("list", "show", "pause", "resume", "cancel"))
    assert "--dry-run" in CliRunner().invoke(app, ["replay", "search", "--help"]).stdout


def test_costs_and_durations_grow_with_events() -> None:
    assert estimating.usd(0) == 0
    assert 1 < estimating.usd(1_000_000) < 5
    assert estimating.duration_s({"a": {"x": 50, "y": 50}, "b": {"z": 10}}, 10) == 10
    assert estimating.duration_s({}, 10) == 0
