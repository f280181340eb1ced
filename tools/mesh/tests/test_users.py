"""`mesh user` against the emulator's Cognito."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from localmesh.emulator import Emulator
from manifests import load_manifests
from mesh.environments import Environment
from mesh.users import commands
from mesh.users.errors import PasswordRefusedError
from mesh.users.passwords import generate_password, read_password
from mesh.users.pool import UserPool
from testkit.operator.environments import bare_environment
from workspace import REPOSITORY

ADA = "ada@example.com"
PASSWORD = f"Right-{secrets.token_hex(6)}-7"
POLICY = load_manifests(REPOSITORY).platform.identity.password


@dataclass
class Desk:
    """A separate user pool."""

    environment: Environment
    folder: Path

    def run(self, command: str, *arguments: str, exit_code: int = 0, given: str = "") -> Result:
        """`mesh user …` here, ending with that exit code; a given password is not in its output."""
        result = CliRunner().invoke(commands.app, [command, *arguments, "--env", "dev"], input=given)
        assert result.exit_code == exit_code, result.output
        assert PASSWORD not in result.output
        assert PASSWORD not in repr(result.exception)
        return result

    def create(self, email: str = ADA) -> Result:
        return self.run("create", email, "--password-file", "-", given=f"{PASSWORD}\n")

    def emails(self) -> list[str]:
        return [each["email"] for each in json.loads(self.run("list", "--json").stdout)]


@pytest.fixture
def desk(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    cognito: Any = emulator.session.client("cognito-idp")
    policy = {
        "MinimumLength": POLICY.minimum_length,
        "RequireUppercase": True,
        "RequireNumbers": True,
        "RequireSymbols": True,
    }
    pool = cognito.create_user_pool(
        PoolName=f"pool-{secrets.token_hex(4)}",
        UsernameAttributes=["email"],
        AutoVerifiedAttributes=["email"],
        Policies={"PasswordPolicy": policy},
    )["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="client",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    environment = bare_environment("dev", user_pool_id=pool, client_id=client, endpoint_url=emulator.url)
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: environment)
    return Desk(environment, tmp_path)


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


@pytest.mark.integration
def test_a_new_user_can_sign_in_at_once(desk: Desk) -> None:
    desk.create()
    token = desk.run("token", ADA, "--password-file", "-", given=f"{PASSWORD}\n").stdout
    assert token.count("\n") == 1
    assert claims(token)["token_use"] == "access"
    listed = json.loads(desk.run("list", "--json").stdout)
    assert [(each["email"], each["status"]) for each in listed] == [(ADA, "CONFIRMED")]
    assert claims(token)["sub"] == listed[0]["sub"]
    assert ADA in desk.run("list").stdout


@pytest.mark.integration
def test_a_token_can_be_written_to_a_private_file(desk: Desk) -> None:
    desk.create()
    file, password = desk.folder / "token", desk.folder / "password"
    file.write_text("old")
    file.chmod(0o644)
    password.write_text(f"{PASSWORD}\nsomething else\n")
    result = desk.run("token", ADA, "--password-file", str(password), "--id-token", "--output", str(file))
    assert result.stdout == ""
    assert file.read_text().strip() not in result.stderr
    assert claims(file.read_text())["email"] == ADA
    assert file.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in desk.folder.iterdir()} == {"token", "password"}


@pytest.mark.integration
@pytest.mark.parametrize("email", [ADA, "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_person_look_the_same(desk: Desk, email: str) -> None:
    desk.create()
    refused = desk.run("token", email, "--password-file", "-", given="wrong\n", exit_code=1)
    assert refused.stderr == f"mesh: wrong password, or there is no {email} in dev\n"
    assert refused.stdout == ""


@pytest.mark.integration
def test_an_existing_user_is_not_created_again(desk: Desk) -> None:
    desk.create()
    again = desk.run("create", ADA, "--generate", exit_code=1)
    assert again.stderr.startswith(f"mesh: {ADA} exists in dev already")
    assert "nothing was changed" in desk.run("create", ADA, "--generate", "--if-missing").stdout
    desk.run("token", ADA, "--password-file", "-", given=f"{PASSWORD}\n")


@pytest.mark.integration
def test_a_generated_password_is_shown_once_or_saved(desk: Desk) -> None:
    shown = desk.run("create", "b@example.com", "--generate").stdout
    password = shown.rpartition("password: ")[2]
    desk.run("token", "b@example.com", "--password-file", "-", given=password)
    file = desk.folder / "c"
    saved = desk.run("create", "c@example.com", "--save-password", str(file))
    assert file.read_text().strip() not in saved.output
    assert file.stat().st_mode & 0o777 == 0o600
    desk.run("token", "c@example.com", "--password-file", str(file))
    assert "exists already" in desk.run("create", ADA, "--save-password", str(file), exit_code=1).stderr
    assert "cannot be written" in desk.run("create", ADA, "--save-password", str(file / "d"), exit_code=1).stderr
    assert desk.emails() == ["b@example.com", "c@example.com"]


@pytest.mark.integration
def test_a_refused_password_leaves_no_user_behind(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = desk.run("create", ADA, "--password-file", "-", given="short\n", exit_code=1)
    assert "policy" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert desk.emails() == []
    pool = UserPool(desk.environment)
    monkeypatch.setattr(pool._cognito, "admin_set_user_password", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pool.create(ADA, generate_password(POLICY))
    assert desk.emails() == []
    monkeypatch.setattr("mesh.users.pool.UserPool", lambda _: pool)
    desk.run("create", ADA, "--save-password", str(desk.folder / "password"), exit_code=1)
    assert list(desk.folder.iterdir()) == []


@pytest.mark.integration
def test_a_missing_password(desk: Desk) -> None:
    assert "--password-file" in desk.run("create", ADA, exit_code=1).stderr
    assert "standard input" in desk.run("create", ADA, "--password-file", "-", exit_code=1).stderr
    desk.run("create", ADA, "--generate", "--password-file", "-", exit_code=2)
    assert desk.emails() == []


@pytest.mark.integration
def test_deleting_asks_first(desk: Desk) -> None:
    desk.create()
    declined = desk.run("delete", ADA, given="n\n", exit_code=1)
    assert "stay: `mesh forget` erases them" in declined.output
    assert desk.emails() == [ADA]
    desk.run("delete", ADA, "--yes")
    assert desk.emails() == []
    assert desk.run("delete", ADA, "--yes", exit_code=1).stderr == f"mesh: there is no {ADA} in dev\n"


@pytest.mark.integration
def test_a_user_without_a_password_gets_one(desk: Desk, emulator: Emulator) -> None:
    """As after a crash between creation and password."""
    cognito: Any = emulator.session.client("cognito-idp")
    attributes = [{"Name": "email", "Value": ADA}]
    person = {"UserPoolId": desk.environment.user_pool_id, "Username": ADA, "UserAttributes": attributes}
    cognito.admin_create_user(**person, TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
    assert "never set a password; nothing was changed" in desk.run("create", ADA, "--if-missing", "--generate").stdout
    assert "setting one now" in desk.create().stdout
    desk.run("token", ADA, "--password-file", "-", given=f"{PASSWORD}\n")


@pytest.mark.integration
def test_a_challenge_at_sign_in_is_reported(desk: Desk, emulator: Emulator) -> None:
    cognito: Any = emulator.session.client("cognito-idp")
    person = {"UserPoolId": desk.environment.user_pool_id, "Username": ADA}
    cognito.admin_create_user(**person, TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
    refused = desk.run("token", ADA, "--password-file", "-", given=f"{PASSWORD}\n", exit_code=1)
    assert "NEW_PASSWORD_REQUIRED" in refused.stderr


def test_generated_passwords_keep_the_policy() -> None:
    long = POLICY.model_copy(update={"minimum_length": 30})
    for _ in range(50):
        password = generate_password(long).get_secret_value()
        assert len(password) == 30
        assert any(letter.islower() for letter in password)
        assert any(letter.isupper() for letter in password)
        assert any(letter.isdigit() for letter in password)
        assert not password.isalnum()


def test_a_file_without_a_password_is_refused(tmp_path: Path) -> None:
    for content in (b"\nsecond line", b"\xff\xfe"):
        (tmp_path / "password").write_bytes(content)
        with pytest.raises(PasswordRefusedError):
            read_password(tmp_path / "password")
    with pytest.raises(PasswordRefusedError, match="FileNotFoundError"):
        read_password(tmp_path / "none")


@pytest.mark.parametrize("file", [None, Path("-")])
def test_a_closed_standard_input_holds_no_password(monkeypatch: pytest.MonkeyPatch, file: Path | None) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(PasswordRefusedError, match="no password"):
        read_password(file)
