"""`mesh forget`, on services in memory: what it counts, orders, follows and shows, and how it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contracts import REGISTRY, Event
from contracts.operations import ForgetRequested
from mesh.cli import app
from mesh.dlq.letters import Selection
from mesh.environments import DeployedFunction, Environment
from mesh.forget import following
from mesh.forget.asking import Report
from mesh.forget.errors import NotErasedError
from testkit.operator.environments import bare_environment

TENANT, ADDRESS = "5f0d2c1e-4a54-4d5b-8c1c-0d8f0a3f7e21", "alice@example.com"


@dataclass
class Mesh:
    """Two services behind the clients of the environment `dev`; they erase as soon as it is ordered."""

    held: dict[str, dict[str, int]] = field(
        default_factory=lambda: {"chat": {"events": 2}, "ingest": {"events": 3, "table items": 1}}
    )
    erased: dict[str, dict[str, int]] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=lambda: {ADDRESS: TENANT})
    objects: int = 4
    works: bool = True
    orders: list[Event[Any]] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        service, request = FunctionName.split("-")[1], json.loads(Payload)["forgetting"]
        if "count" in request:
            answer: dict[str, Any] = {"stores": self.held[service]}
        else:
            answer = {"is_forgotten": service in self.erased, "stores": self.erased.get(service)}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.orders.append(REGISTRY.read(json.loads(Entries[0]["Detail"])))
        if self.works:
            self.erased, self.held, self.objects = self.held, {service: {} for service in self.held}, 0
        return {"Entries": [{"EventId": "id"}]}

    def get_paginator(self, _: str) -> Mesh:
        return self

    def paginate(self, *, Prefix: str, **_: object) -> list[dict[str, Any]]:  # noqa: N803
        assert Prefix == f"{TENANT}/"
        return [{"Versions": [{}] * self.objects}]

    def letters(self, selection: Selection) -> list[str]:
        assert selection == Selection(tenant=TENANT)
        return ["a letter"] if self.objects else []

    def get_caller_identity(self) -> Mapping[str, str]:
        return {"Arn": "arn:aws:iam::000000000000:user/me"}

    def list_users(self, *, Filter: str, **_: object) -> dict[str, Any]:  # noqa: N803
        return {"Users": [{"Username": name} for name, sub in self.accounts.items() if Filter == f'sub = "{sub}"']}

    def admin_get_user(self, *, Username: str, **_: object) -> dict[str, Any]:  # noqa: N803
        if Username not in self.accounts:
            raise self.exceptions.UserNotFoundException
        attributes = [{"Name": "sub", "Value": self.accounts[Username]}, {"Name": "email", "Value": Username}]
        return {
            "Username": Username, "UserAttributes": attributes, "UserStatus": "CONFIRMED", "Enabled": True,
            "UserCreateDate": None,
        }  # fmt: skip

    def admin_delete_user(self, *, Username: str, **_: object) -> None:  # noqa: N803
        del self.accounts[Username]

    class exceptions:  # noqa: N801  # as boto3 calls it
        class UserNotFoundException(Exception):  # noqa: N818  # as boto3 calls it
            pass


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> Mesh:
    found = Mesh()
    functions = {
        f"{name}.relay": DeployedFunction(name=f"dev-{name}-relay", log_group=f"/logs/{name}-relay")
        for name in ("ingest", "chat")
    }
    environment = bare_environment("dev", functions=functions, event_bus="dev-bus")
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: {"dev": environment}[name])
    monkeypatch.setattr(Environment, "client", lambda self, service, **_: found)
    monkeypatch.setattr(Environment, "aws", type("Aws", (), {"events": found, "s3": found}))
    monkeypatch.setattr(following, "PATIENCE_S", 0.0)
    monkeypatch.setattr("mesh.forget.asking.DeadLetterQueues", lambda _: found)
    return found


def forget(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, ["forget", "--env", "dev", *arguments], input=typed)


def test_a_dry_run_counts_and_orders_nothing(dev: Mesh) -> None:
    result = forget(ADDRESS, "--dry-run", "--json")
    assert (result.exit_code, dev.orders) == (0, [])
    assert json.loads(result.stdout) == {
        "environment": "dev",
        "tenant": TENANT,
        "services": {"chat": {"events": 2}, "ingest": {"events": 3, "table items": 1}},
        "objects": 4,
        "dead_letters": 1,
        "account": True,
    }
    assert "table items" in forget(TENANT, "--dry-run").stdout


@pytest.mark.parametrize("named", [ADDRESS, TENANT])
def test_a_tenant_is_forgotten_once_the_name_is_typed(dev: Mesh, named: str) -> None:
    for typed in ("\n", "y\n"):
        assert forget(named, typed=typed).exit_code == 1
    assert dev.orders == []
    result = forget(named, "--why", "a letter", typed=f"{named}\n")
    assert (result.exit_code, dev.accounts) == (0, {})
    (order,) = dev.orders
    assert (order.subject, order.data) == (
        TENANT,
        ForgetRequested(who="arn:aws:iam::000000000000:user/me", why="a letter"),
    )
    assert "erased" in result.stdout


def test_repeated_it_completes_and_shows_the_same_report(dev: Mesh) -> None:
    first = json.loads(forget(TENANT, "--confirm", TENANT, "--json").stdout)
    again = json.loads(forget(TENANT, "--confirm", TENANT, "--json").stdout)
    assert first["services"] == again["services"] == {"chat": {"events": 2}, "ingest": {"events": 3, "table items": 1}}
    assert (first["account_deleted"], again["account_deleted"], len(dev.orders)) == (True, False, 1)


def test_a_service_that_does_not_erase_keeps_the_account(dev: Mesh) -> None:
    dev.works = False
    result = forget(TENANT, "--confirm", TENANT)
    assert (result.exit_code, dev.accounts) == (1, {ADDRESS: TENANT})
    assert "not erased yet by chat, ingest" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("named", "reason"), [(TENANT, "nothing is held"), ("nobody@example.com", "there is no nobody@example.com")]
)
def test_nobody_is_forgotten_by_a_typing_error(dev: Mesh, named: str, reason: str) -> None:
    dev.held, dev.objects, dev.accounts = {"chat": {}, "ingest": {}}, 0, {}
    result = forget(named, "--confirm", named)
    assert (result.exit_code, dev.orders) == (1, [])
    assert reason in result.stderr


def test_it_waits_until_every_service_is_done() -> None:
    reports = iter([Report({"a": None, "b": {}}), Report({"a": {"events": 1}, "b": {}})])
    slept: list[float] = []
    found = following.follow(lambda: next(reports), quiet=True, clock=lambda: 0.0, sleep=slept.append)
    assert (found.waiting, len(slept)) == ([], 1)
    times = iter([0.0, 2000.0])
    with pytest.raises(NotErasedError, match="not erased yet by a"):
        following.follow(lambda: Report({"a": None}), quiet=True, clock=lambda: next(times), sleep=slept.append)
