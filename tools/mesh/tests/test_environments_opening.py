"""An environment can be opened only with credentials of its account: most names are the same in every account."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mesh.cli import app
from mesh.environments import (
    Environment,
    EnvironmentUnknownError,
    OtherAccountError,
    load_outputs,
    open_environment,
    save_outputs,
)
from testkit.operator.environments import bare_environment

pytestmark = pytest.mark.integration

COMMANDS = (
    ("logs", "chat", "--env", "dev"),
    ("verify", "--env", "dev"),
    ("db", "status", "--env", "dev"),
    ("user", "list", "--env", "dev"),
    ("user", "delete", "ada@example.com", "--env", "dev", "--yes"),
    ("secrets", "list", "dev"),
    ("secrets", "pull", "dev", "--yes"),
    ("deploy", "chat", "--env", "dev", "--yes"),
)


def saved(folder: Path, account: str) -> Environment:
    return save_outputs(bare_environment("dev", account=account).model_dump(), folder)


def test_the_environments_own_account_is_accepted(aws_environment: None, tmp_path: Path) -> None:
    made = saved(tmp_path, "000000000000")
    assert open_environment("dev", tmp_path) == made


def test_another_account_is_refused(aws_environment: None, tmp_path: Path) -> None:
    saved(tmp_path, "111111111111")
    with pytest.raises(OtherAccountError, match=r"dev is in account 1{12}, but your credentials are for 0{12}"):
        open_environment("dev", tmp_path)
    with pytest.raises(EnvironmentUnknownError):
        open_environment("staging", tmp_path)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_acts_in_another_account(
    command: tuple[str, ...], aws_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, "111111111111")
    monkeypatch.setattr("mesh.environments.opening.load_outputs", lambda name, _: load_outputs(name, tmp_path))
    result = CliRunner().invoke(app, list(command))
    assert result.exit_code == 1, result.output
    assert "your credentials are for 000000000000" in " ".join(result.stderr.split())
