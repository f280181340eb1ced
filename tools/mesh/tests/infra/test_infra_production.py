"""The protected environment of this repository: applied, read, and not destroyed.

Needs an AWS provider that plans without AWS; otherwise skipped with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from manifests import load_manifests
from mesh.environments import Environment, load_outputs
from mesh.infra.commands import app
from policy_checks.errors import TerraformFailedError
from policy_checks.terraform import NO_AWS, find_terraform, has_own_providers, write_packages
from policy_checks.terraform.skipping import terraform_or_skip
from workspace import REPOSITORY

# On a push rules of tests/infrastructure check the protection in production's plan, and small projects the commands.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(900), pytest.mark.scheduled]


_WHO_AM_I = """
provider "aws" {
  region = "us-east-1"
}

data "aws_caller_identity" "this" {}
"""


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An AWS provider that plans and applies without AWS."""
    if not has_own_providers():
        pytest.skip("TERRAFORM IS NOT TESTED: TF_CLI_CONFIG_FILE names no AWS provider that works without AWS")
    terraform = terraform_or_skip(find_terraform)
    folder = tmp_path_factory.mktemp("probe")
    (folder / "main.tf").write_text(_WHO_AM_I)
    terraform.init(folder)
    try:
        terraform.plan(folder)
    except TerraformFailedError as error:
        if NO_AWS not in str(error):
            raise
        pytest.skip(f"TERRAFORM IS NOT TESTED: this provider asks AWS who it is, and there is none at {NO_AWS}")


@pytest.fixture
def run(
    provider: None,
    aws_environment: None,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[int, str]]:
    """`mesh infra …` on prod of a copy of this repository, its state on this machine; exit code and output."""
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars", "__pycache__")
    for folder in ("terraform", "services", "contracts"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=ignored)
    override = tmp_path / "terraform/environments/prod/state_override.tf"
    override.write_text('terraform {\n  backend "local" {}\n}\n')
    packages = tmp_path / "build/packages"
    packages.mkdir(parents=True)
    write_packages(load_manifests(REPOSITORY), packages)
    for name in [name for name in os.environ if name.startswith("TF_VAR_")]:
        monkeypatch.delenv(name)

    def command(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", StringIO())
        capfd.readouterr()
        code = app([*arguments, "--env", "prod", "--root", str(tmp_path)], standalone_mode=False)
        out, err = capfd.readouterr()
        return code or 0, out + err

    return command


def test_production_is_created_and_protected_from_destroy(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, printed = run("apply", "--no-package", "--confirm", "prod")
    assert code == 0, printed
    environment = load_outputs("prod", tmp_path / ".environments")
    assert isinstance(environment, Environment)
    expected = {f"{ref.service.service}.{ref.name}" for ref in load_manifests(REPOSITORY).functions}
    assert environment.functions.keys() == expected
    assert environment.database.auth == "iam"

    _move(tmp_path / "build/packages", tmp_path / "elsewhere")
    code, printed = run("diff", "--no-package")
    assert code == 0, f"the same zips on another machine are no difference: {printed}"

    code, printed = run("destroy", "--confirm", "prod")
    assert code == 1
    refusal = printed.strip().splitlines()[-1]
    assert "`TF_VAR_deletion_protection=false make infra-apply ENV=prod` lifts that" in refusal
    for kind in ("aws_db_instance", "aws_dynamodb_table", "aws_cognito_user_pool", "aws_s3_bucket"):
        assert f".{kind}." in refusal
    assert run("outputs")[0] == 0, "everything is still there"


def _move(packages: Path, target: Path) -> None:
    """Move the zips elsewhere, and keep their index in place."""
    target.mkdir()
    listed = json.loads((packages / "packages.json").read_text())
    for package in listed.values():
        moved = target / Path(package["file"]).name
        Path(package["file"]).rename(moved)
        package["file"] = str(moved)
    (packages / "packages.json").write_text(json.dumps(listed))
