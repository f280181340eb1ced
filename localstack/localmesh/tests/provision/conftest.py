"""A small workspace of three services, provisioned into a real emulator that enforces IAM."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localmesh.config import MeshSettings
from localmesh.emulator import Emulator
from localmesh.postgres import Postgres
from localmesh.provision import Provisioned, provision

WORKSPACE = Path(__file__).parent / "workspace"
EVENT_TYPE = "collections.alpha.thing-added.v1"


@dataclass
class World:
    """The provisioned workspace; `provision` runs again and returns the changes."""

    root: Path
    settings: MeshSettings
    emulator: Emulator
    result: Provisioned
    _clients: dict[str, Any] = field(default_factory=dict)

    def provision(self) -> list[str]:
        reported: list[str] = []
        self.result = provision(self.settings, reported.append, self.root)
        assert sorted(reported) == sorted(self.result.changes)
        return reported

    def client(self, service: Any) -> Any:
        if service not in self._clients:
            self._clients[service] = self.emulator.session.client(service)
        return self._clients[service]

    def put(self, **detail: object) -> None:
        """Put an event of alpha on the bus."""
        entry = {
            "EventBusName": self.result.event_bus,
            "Source": "collections.alpha",
            "DetailType": EVENT_TYPE,
            "Detail": json.dumps(detail),
        }
        assert self.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def saw(self, who: str, what: str) -> bool:
        """Whether a function has recorded the event."""
        if who in {"alpha", "uploads"}:
            table, key = "seen", {"pk": {"S": what}, "sk": {"S": who}}
        else:
            table, key = f"seen-by-{who}", {"pk": {"S": what}}
        name = f"collections-local-{table}"
        return "Item" in self.client("dynamodb").get_item(TableName=name, Key=key, ConsistentRead=True)

    def probe(self, function: str, *calls: tuple[str, str, dict[str, Any]]) -> list[str]:
        """Have a function make AWS calls with its own role; `ok` or an error code for each."""
        answer = self.client("lambda").invoke(
            FunctionName=f"collections-local-alpha-{function}", Payload=json.dumps({"calls": calls})
        )
        outcomes: list[str] = json.loads(answer["Payload"].read())
        return outcomes


def make_workspace(target: Path) -> Path:
    """Copy the workspace and put (empty) shared libraries beside it."""
    shutil.copytree(WORKSPACE, target, ignore=shutil.ignore_patterns("__pycache__"))
    for package, folder in (("contracts", "contracts"), ("chassis", "services/lib/chassis")):
        source = target / folder / "src" / package
        source.mkdir(parents=True)
        (source / "__init__.py").write_text('"""Empty."""\n')
    (target / "services/lib/chassis/migrations").mkdir()
    (target / "services/lib/chassis/migrations/0001_base.sql").write_text("CREATE TABLE base (n int);\n")
    return target


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The workspace, provisioned for the first time."""
    state = tmp_path_factory.mktemp("state")
    root = make_workspace(tmp_path_factory.mktemp("repository") / "root")
    emulator = Emulator(state / "emulator", iam=True)
    with emulator, Postgres(state / "postgres", fast=True) as postgres:
        settings = MeshSettings(
            state_dir=state, emulator_port=emulator.options.port, postgres_port=postgres.port, iam=True
        )
        yield World(root, settings, emulator, provision(settings, lambda _: None, root))
