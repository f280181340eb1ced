"""`mesh outbox`, on relays in memory: what it shows, what it asks, and how it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chassis.outbox import Parked
from chassis.schedule import relay
from chassis.service import Service
from chassis.settings import Settings
from localmesh.status import FunctionStatus, MeshStatus
from mesh import status
from mesh.cli import app
from mesh.environments import DeployedFunction, Environment
from testkit import Fakes
from testkit.fakes import SETTINGS
from testkit.invoking import CONTEXT
from testkit.operator.environments import bare_environment

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Relay = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Lambda:
    """The client: functions by their names, and what each was asked."""

    functions: dict[str, Relay] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        event = json.loads(Payload)
        self.asked.append((FunctionName, event))
        try:
            answer = self.functions[FunctionName](event)
        except RuntimeError as error:
            fault = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(fault).encode())}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def retried(self) -> list[tuple[str, int]]:
        """How many events were asked to be tried again, by call."""
        requests = [(name, event["parked"].get("retry")) for name, event in self.asked]
        return [(name, len(event_ids)) for name, event_ids in requests if event_ids is not None]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Lambda:
    """The environment `dev`, in which chat and ingest have relays."""
    client = Lambda()
    functions = {
        f"{service}.{name}": DeployedFunction(name=f"dev-{service}-{name}", log_group=f"/logs/{service}-{name}")
        for service, name in [("ingest", "relay"), ("chat", "relay"), ("search", "http")]
    }
    environment = bare_environment("dev", functions=functions)
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: {"dev": environment}[name])
    monkeypatch.setattr(Environment, "client", lambda self, service, **_: {"lambda": client}[service])
    client.functions["dev-chat-relay"] = lambda event: {"total": 0, "events": []}
    return client


@pytest.fixture
def outbox(client: Lambda, fakes: Fakes) -> dict[int, Parked]:
    """What ingest has parked, by position."""
    entry = relay(fakes.under(Service(Settings(service="ingest", **SETTINGS), fakes.aws)))
    client.functions["dev-ingest-relay"] = lambda event: entry(event, CONTEXT)
    return fakes.outbox.parked_rows


def park(outbox: dict[int, Parked], *positions: int) -> None:
    for position in positions:
        outbox[position] = Parked(
            position, f"event-{position}", "collections.ingest.item-uploaded.v1", 1, "MalformedDetail: no", AT
        )


def run(*arguments: str, exit_code: int = 0, given: str = "") -> Result:
    result = CliRunner().invoke(app, ["outbox", *arguments, "--env", "dev"], input=given)
    assert result.exit_code == exit_code, result.output
    return result


def test_what_is_parked_is_listed_with_its_reason(outbox: dict[int, Parked]) -> None:
    park(outbox, 7)
    shown = run("list").stdout
    for text in ("ingest", "event-7", "item-uploaded.v1", "MalformedDetail: no", "2026-01-02 03:04:05"):
        assert text in shown
    assert "more of" not in shown
    document = json.loads(run("list", "--json").stdout)
    assert document == {
        "environment": "dev",
        "services": [
            {"service": "chat", "total": 0, "events": []},
            {
                "service": "ingest",
                "total": 1,
                "events": [
                    {
                        "position": 7,
                        "event_id": "event-7",
                        "type": "collections.ingest.item-uploaded.v1",
                        "attempts": 1,
                        "reason": "MalformedDetail: no",
                        "parked_at": "2026-01-02T03:04:05+00:00",
                    }
                ],
            },
        ],
    }


@pytest.mark.parametrize(("limit", "pages", "shown"), [("1", 1, 1), ("100", 1, 100), ("101", 2, 101), ("999", 3, 230)])
def test_no_more_pages_are_read_than_are_shown(
    limit: str, pages: int, shown: int, outbox: dict[int, Parked], client: Lambda
) -> None:
    park(outbox, *range(1, 231))
    document = json.loads(run("list", "--service", "ingest", "--limit", limit, "--json").stdout)
    assert (document["services"][0]["total"], len(document["services"][0]["events"])) == (230, shown)
    assert len(client.asked) == pages
    rest = f"{230 - shown} more of ingest; --limit 230 shows all"
    assert (rest in run("list", "--limit", limit).stdout) == (shown < 230)


def test_nothing_is_parked(outbox: dict[int, Parked], client: Lambda) -> None:
    assert run("list").stdout == "nothing is parked in dev\n"
    assert run("retry", "--yes").stdout == "nothing is parked in dev\n"
    assert json.loads(run("retry", "--json").stdout) == {"environment": "dev", "retried": {}}
    assert client.retried() == []


def test_all_that_is_parked_is_tried_again_once_confirmed(outbox: dict[int, Parked], client: Lambda) -> None:
    park(outbox, *range(1, 231))
    refused = run("retry", exit_code=1, given="n\n")
    assert "Try these again in dev (230)?" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert "event-230" in refused.stdout
    assert "without a terminal: --yes" in run("retry", "--json", exit_code=1).stderr
    assert (len(outbox), client.retried()) == (230, [])
    assert "tried again within a minute: 230;" in run("retry", given="y\n").stdout
    assert (len(outbox), client.retried()) == (0, [("dev-ingest-relay", n) for n in (100, 100, 30)])


def test_named_events_alone_are_tried_again(outbox: dict[int, Parked]) -> None:
    park(outbox, 1, 2, 3)
    answered = json.loads(run("retry", "event-1", "event-3", "--yes", "--json").stdout)
    assert answered == {"environment": "dev", "retried": {"ingest": 2}}
    assert [*outbox] == [2]


def test_an_event_that_is_not_parked_stops_the_command(outbox: dict[int, Parked]) -> None:
    park(outbox, 1)
    refused = run("retry", "event-1", "event-2", "event-0", "--yes", exit_code=1)
    assert refused.stderr == "mesh: not parked in dev: event-0, event-2; nothing was changed\n"
    assert [*outbox] == [1]


@pytest.mark.parametrize("command", ["list", "retry"])
def test_a_service_without_an_outbox_is_refused(command: str, outbox: dict[int, Parked], client: Lambda) -> None:
    refused = run(command, "--service", "search", exit_code=1)
    assert refused.stderr == "mesh: 'search' is no service with an outbox in dev (there are: chat, ingest)\n"
    assert client.asked == []


def test_a_relay_that_fails_is_named(client: Lambda) -> None:
    def fails(event: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("database: cannot connect")

    client.functions["dev-ingest-relay"] = fails
    refused = run("list", exit_code=1)
    assert refused.stderr == (
        "mesh: dev-ingest-relay ended with RuntimeError: database: cannot connect; /logs/ingest-relay has more\n"
    )


def test_a_relay_of_older_code_is_named(client: Lambda) -> None:
    client.functions["dev-ingest-relay"] = lambda event: {"published": 0}
    refused = run("list", exit_code=1)
    assert refused.stderr == "mesh: the relay of ingest knows nothing of parked events yet: deploy ingest\n"


def test_a_limit_is_a_number_from_one() -> None:
    run("list", "--limit", "0", exit_code=2)


@pytest.mark.parametrize(
    ("parked", "told"),
    [
        ({}, ""),
        ({"chat": 1, "ingest": 20}, "which the bus has refused: 1 of chat, 20 of ingest; `mesh outbox list` says why"),
        (None, "parked events: unknown, the database cannot be asked"),
    ],
    ids=["none", "some", "unknown"],
)
def test_the_status_tells_of_parked_events(parked: dict[str, int] | None, told: str) -> None:
    function = FunctionStatus(name="f", short_name="f", state="Active", last_modified="")
    mesh = MeshStatus(state_dir="/m", api_url="http://x", processes=(), functions=(function,), parked=parked)
    assert status.parked(mesh).endswith(told)
    assert bool(status.parked(mesh)) == bool(told)
    assert status.parked(mesh.model_copy(update={"functions": None, "parked": None})) == ""
