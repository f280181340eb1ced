"""A small repository with contracts, in git, for tests of the registry's commands."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contracts.schemas import closed
from registry.commands import app

Json = dict[str, Any]

ORDER = "collections.shop.order-placed.v1"
ORDER_SCHEMA: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:collections:contract:shop.order-placed:1.0",
    "title": "OrderPlaced",
    "description": "A customer ordered something.",
    "type": "object",
    "properties": {
        "quantity": {"type": "integer", "exclusiveMinimum": 0, "description": "Pieces."},
        "customer": {"type": "string", "x-personal": True},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}, "minItems": 1},
    },
    "required": ["customer"],
    "$defs": {
        "Line": {
            "title": "Line",
            "type": "object",
            "properties": {"article": {"type": "string"}, "note": {"type": "string", "x-personal": True}},
            "required": ["article"],
        }
    },
}
ORDER_DATA: Json = {"quantity": 2, "customer": "Ada Lovelace", "lines": [{"article": "a1", "note": "for my mother"}]}
MANIFESTS = {
    "shop": """\
service: shop
summary: Sells things.
publishes:
  - collections.shop.order-placed.v1   # the one that matters
functions:
  relay: {handler: shop.handler.relay, schedule: rate(1 minute), publish: true}
""",
    "billing": """\
service: billing
summary: Writes invoices.
consumes:
  - {event: collections.shop.order-placed.v1, function: events}
functions:
  events: {handler: billing.handler.on_events, queue: {}}
""",
}
PLATFORM = Path(__file__).parents[3] / "services/platform.yaml"


class Registry:
    """The repository: files, commits and the command line on it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> str:
        """Run git there."""
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]
        done = subprocess.run(["git", *identity, *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, subject: str = "a change") -> str:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def schema(self, version: str, schema: Json, event_type: str = ORDER) -> Path:
        """Write both schemas of a version."""
        folder = self.root / "contracts/schemas" / event_type
        folder.mkdir(parents=True, exist_ok=True)
        named = {**schema, "$id": f"{schema['$id'].rpartition(':')[0]}:{version}"}
        (folder / f"{version}.json").write_text(json.dumps(named))
        (folder / f"{version}.producer.json").write_text(json.dumps(closed(named)))
        return folder / f"{version}.json"

    def example(self, version: str, data: Json, name: str = "usual", event_type: str = ORDER) -> Path:
        """Write a golden example."""
        path = self.root / "contracts/examples" / event_type / version / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"type": event_type, "tenantid": "t1", "data": data}))
        return path

    def run(self, *arguments: str, exit_code: int = 0) -> Result:
        """`mesh contracts … --root` here, ending with that exit code."""
        needs_root = arguments[0] != "compat"
        result = CliRunner().invoke(
            app, [*arguments, *(["--root", str(self.root)] if needs_root else [])], catch_exceptions=False
        )
        assert result.exit_code == exit_code, result.output
        return result

    def check(self, *arguments: str, exit_code: int = 0) -> Json:
        """The verdicts of `check` as JSON."""
        result: Json = json.loads(self.run("check", "--output", "json", *arguments, exit_code=exit_code).stdout)
        return result


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """One contract with one version, published by shop and consumed by billing, committed on main."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "GITHUB_")) or name == "CONTRACTS_BASE"]:
        monkeypatch.delenv(name)
    made = Registry(tmp_path / "repository")
    made.root.mkdir()
    made.git("init", "-q", "-b", "main")
    made.schema("1.0", ORDER_SCHEMA)
    made.example("1.0", ORDER_DATA)
    for service, manifest in MANIFESTS.items():
        folder = made.root / "services" / service
        folder.mkdir(parents=True)
        (folder / "service.yaml").write_text(manifest)
    (made.root / "services/platform.yaml").write_text(PLATFORM.read_text())
    made.commit("Orders")
    return made


@pytest.fixture
def order_schema() -> Json:
    """A copy of the published schema, to be changed."""
    copy: Json = json.loads(json.dumps(ORDER_SCHEMA))
    return copy


@pytest.fixture
def order_data() -> Json:
    """The payload of the published example."""
    copy: Json = json.loads(json.dumps(ORDER_DATA))
    return copy
