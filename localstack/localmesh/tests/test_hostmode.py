"""LocalStack without Docker: which mesh is meant, what is missing, and what its add-ons do by themselves."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from localmesh import config, hostmode, lifecycle
from localmesh.config import Backend, MeshSettings
from localmesh.errors import LocalMeshError, PreflightError
from localmesh.hostmode import installation
from localmesh.members import NAMES, members_of
from workspace import REPOSITORY

ADDONS = REPOSITORY / "localstack/addons"


@pytest.fixture(autouse=True)
def _states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State folders of the test's own, and no settings of the person."""
    for name in ("MESH_BACKEND", "MESH_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(config, "_STATE_DIRS", {name: tmp_path / name for name in ("ministack", "localstack")})


def is_up(folder: Path) -> None:
    (folder / "run").mkdir(parents=True)
    (folder / "run" / "emulator.json").write_text("{}")


def test_each_back_end_has_a_state_of_its_own(tmp_path: Path) -> None:
    assert MeshSettings(_env_file=None).state_dir == tmp_path / "ministack"
    given = MeshSettings(_env_file=None, backend=Backend.LOCALSTACK)
    assert (given.backend, given.state_dir) == (Backend.LOCALSTACK, tmp_path / "localstack")


def test_commands_that_name_none_mean_the_one_that_is_up(tmp_path: Path) -> None:
    is_up(tmp_path / "localstack")
    assert MeshSettings(_env_file=None).backend is Backend.LOCALSTACK
    is_up(tmp_path / "ministack")
    assert MeshSettings(_env_file=None).backend is Backend.MINISTACK


def test_a_folder_that_is_named_knows_its_back_end(tmp_path: Path) -> None:
    made = MeshSettings(_env_file=None, state_dir=tmp_path / "mine", backend=Backend.LOCALSTACK)
    lifecycle.make_state(made)
    assert MeshSettings(_env_file=None, state_dir=tmp_path / "mine").backend is Backend.LOCALSTACK
    other = MeshSettings(_env_file=None, state_dir=tmp_path / "mine", backend=Backend.MINISTACK)
    with pytest.raises(LocalMeshError, match="is the state of a mesh on localstack: set MESH_STATE_DIR"):
        lifecycle.make_state(other)


def test_a_back_end_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_BACKEND", "moto")
    with pytest.raises(ValueError, match="'ministack' or 'localstack'"):
        MeshSettings(_env_file=None)


def test_its_servers_are_known_to_status_and_logs() -> None:
    names = [member.name for member in members_of(MeshSettings(_env_file=None, backend=Backend.LOCALSTACK))]
    assert names == list(NAMES)


def test_the_keys_of_tokens_are_at_who_answers_for_cognito() -> None:
    given: dict[str, Any] = {"_env_file": None, "emulator_port": 1, "companion_port": 2}
    assert MeshSettings(**given).jwks_url("pool") == "http://127.0.0.1:1/pool/.well-known/jwks.json"
    there = MeshSettings(**given, backend=Backend.LOCALSTACK).jwks_url("pool")
    assert there == "http://127.0.0.1:2/pool/.well-known/jwks.json"


def test_a_missing_interpreter_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_is_cpython", lambda program: False)
    with pytest.raises(
        PreflightError, match=r"needs CPython 3\.13, which was not found: install it .* BACKEND=ministack"
    ):
        hostmode.find_python()


def test_what_is_installed_is_not_installed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "localstack/addons").mkdir(parents=True)
    (tmp_path / "localstack/addons/pyproject.toml").write_text("[project]")
    ran: list[tuple[str, ...]] = []

    def run(*command: str) -> None:
        ran.append(command)
        (installation.installation(tmp_path).folder / "bin").mkdir(parents=True, exist_ok=True)
        installation.installation(tmp_path).python.touch()

    monkeypatch.setattr(installation, "_run", run)
    monkeypatch.setattr(installation, "_uv", lambda root: "uv")
    monkeypatch.setattr(installation, "find_python", lambda: "python3.13")
    hostmode.install(lambda line: None, tmp_path)
    assert [command[1] for command in ran] == ["venv", "pip", "pip"]
    assert {"--exclude-newer", installation.RELEASED, "localstack-core[runtime]==4.14.0"} <= set(ran[1])
    hostmode.install(lambda line: None, tmp_path)
    assert len(ran) == 3
    (tmp_path / "localstack/addons/pyproject.toml").write_text("[project]\nname = 'x'")
    hostmode.install(lambda line: None, tmp_path)
    assert len(ran) == 6


def test_the_folder_is_not_the_package() -> None:
    assert not (REPOSITORY / "localstack/__init__.py").exists()
    assert "-P" in hostmode.command(), "the folder that it is started in does not come first"


def test_what_localstack_finds_exists() -> None:
    project = tomllib.loads((ADDONS / "pyproject.toml").read_text(encoding="utf-8"))
    for group in project["project"]["entry-points"].values():
        for target in group.values():
            module, _, name = target.partition(":")
            source = (ADDONS / "src" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
            assert f"class {name}(" in source or f"def {name}(" in source


FUNCTION = """
def handler(event, context):
    if "fail" in event:
        raise ValueError(event["fail"])
    return {"request": context.aws_request_id, "arn": context.invoked_function_arn, "ü": event["n"]}
"""


@pytest.mark.integration
def test_functions_are_run_by_the_runtime_client_of_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ADDONS / "src")
    api: Any = importlib.import_module("mesh_addons.runtime_api").RuntimeApi()
    (tmp_path / "case.py").write_text(FUNCTION)
    environment = {
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
    }
    command = [sys.executable, "-m", "awslambdaric", "case.handler"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL)

    def call(number: int, **event: Any) -> Any:
        invocation = {"invoke-id": f"r{number}", "invoked-function-arn": "arn:f", "payload": json.dumps(event)}
        api.send(invocation, time.time() + 10)
        return api.receive(f"r{number}", 10)

    try:
        assert api.ready.wait(30)
        assert api.init_error is None
        answer = call(1, n=1)
        assert (json.loads(answer.body), answer.is_error) == ({"request": "r1", "arn": "arn:f", "ü": 1}, False)
        failed = call(2, fail="as asked")
        assert failed.is_error
        assert json.loads(failed.body)["errorType"] == "ValueError"
        assert json.loads(call(3, n="x" * 3_000_000).body)["ü"] == "x" * 3_000_000
        assert api.receive("r4", 0.1) is None
    finally:
        process.kill()
        process.wait()
        api.close()


@pytest.mark.integration
def test_a_module_that_cannot_be_imported_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ADDONS / "src")
    api: Any = importlib.import_module("mesh_addons.runtime_api").RuntimeApi()
    command = [sys.executable, "-m", "awslambdaric", "nothing.handler"]
    environment = {"AWS_LAMBDA_RUNTIME_API": api.address, "LAMBDA_TASK_ROOT": str(tmp_path)}
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        assert api.ready.wait(30)
        assert json.loads(api.init_error)["errorType"] == "Runtime.ImportModuleError"
    finally:
        process.kill()
        process.wait()
        api.close()
