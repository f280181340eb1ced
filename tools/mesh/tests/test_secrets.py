"""`mesh secrets` between a `.env` file and the emulator's Parameter Store."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from localmesh.config import MeshSettings
from localmesh.emulator import Emulator
from mesh.environments import Environment
from mesh.secrets import commands
from mesh.secrets.dotenv import read_dotenv, update_dotenv
from mesh.secrets.errors import DotenvError, ParameterRefusedError
from mesh.secrets.store import ParameterStore
from mesh.secure_files import PrivateFileError
from testkit.operator.environments import bare_environment

OLD, NEW, OTHER = (f"sk-{word}-{secrets.token_hex(8)}" for word in ("old", "new", "other"))


@dataclass
class Desk:
    """A separate environment in the emulator, and a `.env` file."""

    environment: Environment
    file: Path
    ssm: Any

    def path(self, name: str) -> str:
        return f"/collections/{self.environment.environment}/{name}"

    def put(self, name: str, value: str) -> None:
        self.ssm.put_parameter(Name=self.path(name), Value=value, Type="SecureString", Overwrite=True)

    def there(self) -> dict[str, str]:
        """Everything in the environment, deeper parameters too."""
        pages = self.ssm.get_paginator("get_parameters_by_path").paginate(
            Path=self.path("")[:-1], Recursive=True, WithDecryption=True
        )
        return {
            each["Name"].removeprefix(self.path("")): each["Value"] for page in pages for each in page["Parameters"]
        }

    def run(self, command: str, *arguments: str, exit_code: int = 0, answer: str = "") -> Result:
        """`mesh secrets …` here, ending with that exit code; no value is in its output."""
        file = [] if command == "list" else ["--file", str(self.file)]
        words = [command, self.environment.environment, *file, *arguments]
        result = CliRunner().invoke(commands.app, words, input=answer)
        assert result.exit_code == exit_code, result.output
        for value in (OLD, NEW, OTHER):
            assert value not in result.output
            assert value not in repr(result.exception)
        return result


@pytest.fixture
def desk(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    environment = bare_environment(f"t{secrets.token_hex(4)}", endpoint_url=emulator.url)
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: environment)
    return Desk(environment, tmp_path / ".env", emulator.session.client("ssm"))


@pytest.mark.integration
def test_push_adds_what_is_new_and_asks_before_it_overwrites(desk: Desk) -> None:
    desk.file.write_text(f"OPENAI_API_KEY={NEW}\nVOYAGE_API_KEY={OTHER}\nTAVILY_API_KEY=\nFOO_KEY=x\nMESH_HOST=::1\n")
    desk.put("openai-api-key", OLD)
    desk.put("langsmith-api-key", OTHER)
    declined = desk.run("push", answer="n\n", exit_code=1)
    assert "Overwrite" in declined.output
    assert "openai-api-key" in declined.output
    assert desk.there() == {"openai-api-key": OLD, "langsmith-api-key": OTHER}
    pushed = desk.run("push", answer="y\n")
    assert "1 added, 1 changed" in pushed.output
    assert "the values differ" in pushed.output
    assert "FOO_KEY is not pushed: no service declares such a secret" in pushed.output
    assert "MESH_HOST" not in pushed.output
    assert "no value in .env; skipped" in pushed.output
    assert desk.there() == {"openai-api-key": NEW, "voyage-api-key": OTHER, "langsmith-api-key": OTHER}
    kinds = desk.ssm.get_parameters(Names=[desk.path("voyage-api-key")])["Parameters"]
    assert kinds[0]["Type"] == "SecureString"
    assert "nothing changed" in desk.run("push").output


@pytest.mark.integration
def test_a_dry_run_of_push_changes_nothing(desk: Desk) -> None:
    desk.file.write_text(f"OPENAI_API_KEY={NEW}\nVOYAGE_API_KEY={NEW}\n")
    desk.put("openai-api-key", OLD)
    desk.put("tavily-api-key", OLD)
    result = desk.run("push", "--dry-run", "--delete-missing", "--yes")
    for word in ("changed", "added", "deleted", "dry run"):
        assert word in result.output
    assert desk.there() == {"openai-api-key": OLD, "tavily-api-key": OLD}


@pytest.mark.integration
def test_push_deletes_only_when_asked_and_only_what_is_declared(desk: Desk) -> None:
    desk.file.write_text("")
    for name in ("tavily-api-key", "somebody-elses", "database/ingest"):
        desk.put(name, OLD)
    desk.run("push", "--yes")
    assert len(desk.there()) == 3
    desk.run("push", "--delete-missing", answer="n\n", exit_code=1)
    assert len(desk.there()) == 3
    assert "1 deleted" in desk.run("push", "--delete-missing", answer="y\n").output
    assert desk.there().keys() == {"somebody-elses", "database/ingest"}


@pytest.mark.integration
def test_pull_fills_the_file_and_keeps_the_rest_of_it(desk: Desk) -> None:
    desk.file.write_text(f"# keys\nexport OPENAI_API_KEY='{OLD}'  # mine\nVOYAGE_API_KEY=\n\nTAVILY_API_KEY={OLD}\nA=b")
    desk.file.chmod(0o644)
    before = desk.file.read_text()
    for name, value in (("openai-api-key", NEW), ("voyage-api-key", OTHER), ("anthropic-api-key", OLD)):
        desk.put(name, value)
    assert "Overwrite" in desk.run("pull", answer="n\n", exit_code=1).output
    assert "dry run" in desk.run("pull", "--dry-run", "--yes").output
    assert desk.file.read_text() == before
    assert "2 added, 1 changed" in desk.run("pull", answer="y\n").output
    assert desk.file.read_text() == (
        f"# keys\nexport OPENAI_API_KEY={NEW}  # mine\nVOYAGE_API_KEY={OTHER}\n\nTAVILY_API_KEY={OLD}\nA=b\n"
        f"ANTHROPIC_API_KEY={OLD}\n"
    )
    assert desk.file.stat().st_mode & 0o777 == 0o600
    assert "nothing changed" in desk.run("pull").output


@pytest.mark.integration
def test_pull_creates_the_file_and_it_can_be_pushed_back(desk: Desk) -> None:
    value = 'it\'s "$5" #1 \\ more'
    desk.put("openai-api-key", value)
    desk.put("voyage-api-key", "emulated")
    result = desk.run("pull")
    assert value not in result.output
    assert "emulated in" in result.output
    assert desk.file.stat().st_mode & 0o777 == 0o600
    assert read_dotenv(desk.file) == {"OPENAI_API_KEY": SecretStr(value)}
    assert MeshSettings(_env_file=desk.file).openai_api_key == SecretStr(value)
    assert "nothing changed" in desk.run("push").output


@pytest.mark.integration
def test_list_shows_every_secret(desk: Desk) -> None:
    desk.put("openai-api-key", OLD)
    desk.put("openai-api-key", NEW)
    desk.put("forgotten", OLD)
    listed = {each["name"]: each for each in json.loads(desk.run("list", "--json").stdout)}
    assert listed["openai-api-key"]["variable"] == "OPENAI_API_KEY"
    assert listed["openai-api-key"]["version"] == 2
    assert listed["openai-api-key"]["last_modified"].startswith("20")
    assert (listed["voyage-api-key"]["present"], listed["voyage-api-key"]["version"]) == (False, None)
    assert listed["forgotten"]["declared"] is False
    assert "forgotten (no service reads it)" in desk.run("list").stdout


@pytest.mark.integration
def test_a_refused_value_is_reported_without_the_value(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.file.write_text(f"OPENAI_API_KEY={NEW * 300}\n")
    assert "longer than the 4096 bytes" in desk.run("push", exit_code=1).stderr
    store = ParameterStore(desk.environment)

    def refuse(**given: str) -> None:
        message = f"Value '{given['Value']}' at 'value' failed to satisfy constraint"
        raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "PutParameter")

    monkeypatch.setattr(store._ssm, "put_parameter", refuse)
    with pytest.raises(ParameterRefusedError, match="ValidationException") as refused:
        store.put("openai-api-key", SecretStr(NEW))
    assert NEW not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.integration
def test_without_a_file_there_is_nothing_to_push(desk: Desk) -> None:
    result = desk.run("push", exit_code=1)
    assert str(desk.file) in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "A=new\n"),
        ("B=1", "B=1\nA=new\n"),
        ("A=old", "A=new"),
        ("A=old\r\nB=1\r\n", "A=new\r\nB=1\r\n"),
        ("\n\n  A = old # why\n", "\n\n  A=new # why\n"),
        ("A='x # no comment'\n", "A=new\n"),
        ("A='x # no comment' # one\n", "A=new # one\n"),
        ("A='two\nlines'\nB=1\n", "A=new\nB=1\n"),
        ("A\n", "A=new\n"),
        ("A=1\nA=2\n", "A=new\nA=new\n"),
        ("#A=old\n", "#A=old\nA=new\n"),
        ("AA=old\n= nonsense\n", "AA=old\n= nonsense\nA=new\n"),
    ],
)
def test_a_variable_is_changed_and_nothing_else(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / ".env"
    file.write_bytes(before.encode())
    update_dotenv(file, {"A": SecretStr("new")})
    assert file.read_bytes().decode() == after


def test_a_value_that_would_be_read_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "elsewhere")
    file = tmp_path / ".env"
    file.write_text("B=1\n")
    with pytest.raises(DotenvError, match="the value of A") as refused:
        update_dotenv(file, {"A": SecretStr("${HOME}-secret")})
    assert "secret" not in str(refused.value)
    assert file.read_text() == "B=1\n"


def test_a_file_that_is_being_written_is_private_and_leaves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []

    def fail(self: Path, target: Path) -> None:
        assert NEW in self.read_text()
        modes.append(self.stat().st_mode & 0o777)
        raise OSError("full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(PrivateFileError, match="full") as failed:
        update_dotenv(tmp_path / ".env", {"A": SecretStr(NEW)})
    assert NEW not in str(failed.value)
    assert modes == [0o600]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
def test_without_a_terminal_the_option_is_named(desk: Desk) -> None:
    desk.put("anthropic-api-key", OLD)
    desk.file.write_text(f"ANTHROPIC_API_KEY={NEW}\n")
    last = desk.run("push", exit_code=1).stderr.splitlines()[-1]
    assert last == "mesh: not confirmed (without a terminal: --yes), nothing was changed"
    assert desk.there() == {"anthropic-api-key": OLD}


@pytest.mark.integration
def test_a_value_on_a_line_of_its_own_is_not_shown(desk: Desk) -> None:
    desk.file.write_text(f"ANTHROPIC_API_KEY=\n{NEW}\n{OTHER}==\nSOME_KEY=1\nMESH_IAM=1\n")
    reported = desk.run("push", "--dry-run").stdout
    assert "SOME_KEY is not pushed" in reported
    assert "2 more in .env not pushed" in reported
    assert "MESH_IAM" not in reported


@pytest.mark.integration
def test_a_file_that_holds_all_of_it_already_becomes_private_too(desk: Desk) -> None:
    desk.put("anthropic-api-key", OLD)
    desk.file.write_text(f"ANTHROPIC_API_KEY={OLD}\n")
    desk.file.chmod(0o644)
    desk.run("pull", "--dry-run")
    assert desk.file.stat().st_mode & 0o777 == 0o644
    desk.run("pull")
    assert desk.file.stat().st_mode & 0o777 == 0o600
