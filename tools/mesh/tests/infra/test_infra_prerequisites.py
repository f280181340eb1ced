"""Checks before Terraform runs: one line each, and nothing changes when one fails."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mesh.infra.commands import app
from mesh.infra.errors import PrerequisiteError
from mesh.infra.identity import whoami
from mesh.infra.inputs import prepare_inputs
from mesh.infra.workspace import Workspace
from workspace import REPOSITORY

ARTIFACTS = 'variable "artifacts" {\n  type = any\n}\n'


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials from any source."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with our contracts and manifests and the empty environment dev."""
    folder = tmp_path / "repository/terraform/environments/dev"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text("")
    for ours in ("contracts", "services"):
        (tmp_path / "repository" / ours).symlink_to(REPOSITORY / ours)
    return tmp_path / "repository"


def terraform_of(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program on the path named terraform that reports that version."""
    folder.mkdir()
    program = folder / "terraform"
    answer = json.dumps({"terraform_version": version})
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--root", str(root)])


def artifacts_of(workspace: Workspace, **options: bool) -> dict[str, Any]:
    """The artifacts for an environment that declares every input."""
    made = prepare_inputs(workspace, lambda _: None, **options)
    assert made.keys() == {"artifacts"}
    artifacts = made["artifacts"]
    assert isinstance(artifacts, dict)
    return artifacts


def failed(result: Result, exit_code: int = 1) -> str:
    """The one-line message of a failed command."""
    assert result.exit_code == exit_code, result.output
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize("command", ["plan", "apply", "diff", "destroy", "outputs"])
def test_without_terraform_every_command_names_the_download(
    command: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    printed = failed(run(root, command, "--env", "dev"))
    assert "terraform is not installed: version 1.11 or newer from https://" in printed


@pytest.mark.parametrize("version", ["1.10.5", "0.15.0", "1.9.99"])
def test_an_old_terraform_is_refused(version: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform_of(tmp_path / "bin", version, monkeypatch)
    assert f"terraform {version} is too old" in failed(run(root, "plan", "--env", "dev"))


@pytest.mark.parametrize("version", ["1.11.0", "1.11.4", "1.12.0-beta2", "2.0.0"])
def test_a_new_terraform_is_not(version: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform_of(tmp_path / "bin", version, monkeypatch)
    assert "AWS credentials" in failed(run(root, "plan", "--env", "dev"))


def test_without_credentials_nothing_happens(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform_of(tmp_path / "bin", "1.11.0", monkeypatch)
    printed = failed(run(root, "apply", "--env", "dev", "--yes"))
    assert "no usable AWS credentials (Unable to locate credentials): `aws configure`" in printed
    assert not (root / "build").exists()


@pytest.mark.integration
def test_the_region_comes_from_the_process_environment(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform and the AWS CLI read AWS_REGION, boto3 does not."""
    assert whoami().region == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert whoami().region == "eu-central-1"
    assert whoami("eu-west-1").region == "eu-west-1"


@pytest.mark.parametrize("name", ["nowhere", "../modules", "Dev", ""])
def test_an_unknown_environment_is_reported_with_the_known_ones(name: str, root: Path) -> None:
    printed = failed(run(root, "plan", "--env", name))
    assert f"terraform/environments/{name} does not exist (known: dev)" in printed


def test_the_local_environment_requires_a_mesh(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform_of(tmp_path / "bin", "1.11.0", monkeypatch)
    monkeypatch.setattr("mesh.infra.preparing.is_listening", lambda *_: False)
    (root / "terraform/environments/local").mkdir()
    (root / "terraform/environments/local/main.tf").write_text("")
    assert "run `make up`" in failed(run(root, "plan", "--env", "local"), exit_code=3)


def test_an_environment_is_needed(root: Path) -> None:
    assert run(root, "plan").exit_code == 2


def test_packages_are_built_before_a_plan(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that is run is Python with `-m mesh.cli package`."""
    program = tmp_path / "python"
    made = root / "build/packages"
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/called\nmkdir -p {made}\necho "{{}}" >{made}/packages.json\n')
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    (root / "terraform/environments/dev/main.tf").write_text(ARTIFACTS)
    workspace = Workspace(root, "dev")
    assert artifacts_of(workspace)["packages_file"] == str(made / "packages.json")
    assert (tmp_path / "called").read_text() == "-m mesh.cli package\n"
    (tmp_path / "called").unlink()
    assert artifacts_of(workspace, package=False)["packages_file"] == str(made / "packages.json")
    assert not (tmp_path / "called").exists()


def test_without_packages_there_is_no_plan(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "terraform/environments/dev/main.tf").write_text(ARTIFACTS)
    workspace = Workspace(root, "dev")
    with pytest.raises(PrerequisiteError, match="run `mesh package`"):
        prepare_inputs(workspace, lambda _: None, package=False)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(PrerequisiteError, match="`mesh package` failed"):
        prepare_inputs(workspace, lambda _: None)


VALUES = 'region = "eu-west-1"\n'


@pytest.mark.parametrize(
    ("files", "variable", "region"),
    [
        ({}, None, "us-east-1"),
        ({}, "eu-central-1", "eu-central-1"),
        ({"terraform.tfvars": VALUES}, "eu-central-1", "eu-west-1"),
        ({"terraform.tfvars": VALUES, "a.auto.tfvars": VALUES.replace("west", "north")}, None, "eu-north-1"),
        ({"notes.tfvars": VALUES}, None, "us-east-1"),
    ],
)
def test_the_region_is_the_one_that_terraform_takes(
    files: dict[str, str], variable: str | None, region: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For every environment."""
    monkeypatch.delenv("TF_VAR_region", raising=False)
    if variable:
        monkeypatch.setenv("TF_VAR_region", variable)
    for number, source in enumerate(sorted(REPOSITORY.glob("terraform/environments/*/variables.tf"))):
        folder = tmp_path / f"{number}/terraform/environments/dev"
        folder.mkdir(parents=True)
        for name, text in {**files, "variables.tf": source.read_text()}.items():
            (folder / name).write_text(text)
        assert Workspace(tmp_path / str(number), "dev").region == region


def test_an_environment_without_a_region_has_none(root: Path) -> None:
    assert Workspace(root, "dev").region is None


def test_the_local_environment_gets_the_address_of_the_mesh(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_EMULATOR_PORT", "4999")
    for environment in ("local", "dev"):
        folder = root / "terraform/environments" / environment
        folder.mkdir(exist_ok=True)
        (folder / "main.tf").write_text('variable "endpoint" {\n  type = string\n}\n')
    assert prepare_inputs(Workspace(root, "local"), lambda _: None) == {"endpoint": "http://127.0.0.1:4999"}
    assert prepare_inputs(Workspace(root, "dev"), lambda _: None) == {}


def test_inputs_are_those_that_environments_declare() -> None:
    """Every variable of an environment is built here, or has a default."""
    environments = [file.parent.name for file in REPOSITORY.glob("terraform/environments/*/main.tf")]
    assert {"local", "dev", "staging", "prod"} <= set(environments)
    for environment in environments:
        workspace = Workspace(REPOSITORY, environment)
        text = (workspace.folder / "variables.tf").read_text()
        blocks = re.findall(r'^variable "([^"]+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
        needed = {name for name, body in blocks if not re.search(r"^  default\s*=", body, re.MULTILINE)}
        assert needed <= {"artifacts"}, environment
        assert "artifacts" in workspace.variables
        assert workspace.backend == ("local" if environment == "local" else "s3")


def test_destroying_needs_no_packages(root: Path) -> None:
    (root / "terraform/environments/dev/main.tf").write_text(ARTIFACTS)
    packages = json.loads(Path(artifacts_of(Workspace(root, "dev"), destroying=True)["packages_file"]).read_text())
    assert {"ingest.http", "imaging.events"} <= packages.keys()
    assert all(Path(package["file"]).is_file() for package in packages.values())


def test_only_declared_inputs_are_built(root: Path) -> None:
    assert prepare_inputs(Workspace(root, "dev"), lambda _: None) == {}
    assert not (root / "build").exists()


def test_contracts_are_exported_without_removed_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Workspace, "contracts", property(lambda _: tmp_path / "contracts"))
    monkeypatch.setattr(Workspace, "variables", property(lambda _: frozenset({"artifacts"})))
    monkeypatch.setattr("mesh.infra.inputs._packages", lambda *_, **__: tmp_path / "packages.json")
    stale = tmp_path / "contracts/eventbridge/collections.gone.never-was.v1.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    values = artifacts_of(Workspace(REPOSITORY, "dev"))
    assert values["schemas_folder"] == str(stale.parent)
    names = {path.name for path in stale.parent.iterdir()}
    assert "collections.imaging.image-processed.v1.json" in names
    assert stale.name not in names
    assert {path.name for path in tmp_path.iterdir()} == {"contracts"}

    imaging = stale.parent / "collections.imaging.image-processed.v1.json"
    text = imaging.read_text()
    imaging.write_text("{}")
    before = {path.name: path.stat().st_ino for path in stale.parent.iterdir()}
    prepare_inputs(Workspace(REPOSITORY, "dev"), lambda _: None)
    after = {path.name: path.stat().st_ino for path in stale.parent.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {imaging.name}, "others may be read just now"
    assert imaging.read_text() == text

    assert values["build"].keys() == {"git_sha", "git_tag", "git_branch", "timestamp"}


def test_an_override_sets_the_backend(root: Path) -> None:
    folder = root / "terraform/environments/dev"
    (folder / "main.tf").write_text('terraform {\n  backend "s3" {\n  }\n}\n')
    assert Workspace(root, "dev").backend == "s3"
    (folder / "a_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    assert Workspace(root, "dev").backend == "local"
