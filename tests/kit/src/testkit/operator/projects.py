"""A small repository with one environment of what is built into Terraform, so that no provider has to be fetched."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from mesh.infra.commands import app
from workspace import REPOSITORY

ACCOUNT = "000000000000"
BUCKET = f"collections-terraform-state-{ACCOUNT}"
OUTPUTS: dict[str, Any] = {
    "region": "us-east-1",
    "account": ACCOUNT,
    "api_url": "https://api.example.org",
    "user_pool_id": "pool",
    "client_id": "client",
    "issuer": "https://issuer.example.org",
    "event_bus": "bus",
    "archive": "bus",
    "images_bucket": "images",
    "packages_bucket": "packages",
    "tables": {"sessions": "collections-dev-sessions"},
    "functions": {"shop.gone": {"name": "gone", "log_group": "/aws/lambda/collections-infra-shop-gone"}},
    "database": {"host": "h", "port": 5432, "name": "c", "auth": "iam", "sslmode": "verify-full", "administrator": "a"},
}
MANIFEST = """\
service: shop
summary: Sells things.
functions:
  relay: {handler: shop.handler.relay, schedule: rate(1 minute)}
"""


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Project:
    """A repository with one environment."""

    root: Path
    environment: str
    capfd: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def file(self) -> Path:
        return self.root / "terraform/environments" / self.environment / "main.tf"

    @property
    def saved(self) -> Path:
        return self.root / ".environments" / f"{self.environment}.json"

    def write(self, *things: str, **more_outputs: Any) -> None:
        """An environment that holds these things and has the output that every environment has."""
        outputs = {"environment": self.environment, **OUTPUTS, **more_outputs}
        text = ['terraform {\n  backend "s3" {\n    use_path_style = true\n  }\n}\n']
        text += [f'resource "terraform_data" "{thing}" {{\n  input = "{thing}"\n}}\n' for thing in things]
        text += [f'output "environment" {{\n  value = {json.dumps(outputs)}\n}}\n']
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text("".join(text))

    def run(self, *arguments: str, typed: io.StringIO | str = "", on: str | None = None) -> Ran:
        """`mesh infra …` on the environment, with the operator's input."""
        place = [] if arguments[0] == "bootstrap" else ["--env", on or self.environment]
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(typed) if isinstance(typed, str) else typed)
        self.capfd.readouterr()
        code = app([*arguments, *place, "--root", str(self.root)], standalone_mode=False)
        out, err = self.capfd.readouterr()
        return Ran(code or 0, out, err)

    def done(self, *arguments: str, typed: str = "") -> str:
        """The same, and it succeeded; its output."""
        ran = self.run(*arguments, typed=typed)
        assert ran.code == 0, ran
        return ran.out

    def failed(self, *arguments: str, typed: io.StringIO | str = "", code: int = 1) -> str:
        """The same, and it failed; its last line, with the reason."""
        ran = self.run(*arguments, typed=typed)
        assert ran.code == code, ran
        return ran.err.strip().splitlines()[-1]

    def things(self) -> set[str]:
        """What exists, according to the state in the bucket."""
        try:
            body = boto3.client("s3").get_object(Bucket=BUCKET, Key=f"{self.environment}/terraform.tfstate")["Body"]
        except boto3.client("s3").exceptions.NoSuchKey:
            return set()
        return {resource["name"] for resource in json.loads(body.read())["resources"]}

    def plans(self) -> set[str]:
        return {path.name for path in self.root.glob("build/terraform/**/*.tfplan")}


def make_project(
    root: Path, environment: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project whose environment holds the thing `one`."""
    (root / "services/shop").mkdir(parents=True)
    (root / "services/shop/service.yaml").write_text(MANIFEST)
    (root / "services/platform.yaml").write_text((REPOSITORY / "services/platform.yaml").read_text())
    project = Project(root, environment, capfd, monkeypatch)
    project.write("one")
    return project
