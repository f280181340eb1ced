"""`mesh db` against the local mesh's kind of database, and against a server that behaves like RDS."""

from __future__ import annotations

import json
import secrets
import shutil
import string
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from localmesh.emulator import Emulator
from localmesh.postgres import Postgres
from manifests import load_manifests
from mesh.db import access, commands
from mesh.db.access import open_access
from mesh.db.errors import SignInError
from mesh.db.migrating import migrate_services, prepare
from mesh.environments import DatabaseAccess, Environment
from testkit.operator.environments import bare_environment
from testkit.rds import ADMINISTRATOR, FIRST_PASSWORD, Rds, rds
from workspace import REPOSITORY

pytestmark = pytest.mark.integration

MANIFEST = """\
service: {name}
summary: Does nothing.
database: true
functions:
  relay: {{handler: {name}.handler.relay, schedule: rate(1 minute)}}
"""


@dataclass
class Place:
    """A repository with two services, and an environment whose database they use."""

    root: Path
    environment: Environment
    server: Postgres
    one: str
    two: str

    def write(self, service: str, **files: str) -> None:
        """Write migrations of a service, by their names without `.sql`."""
        folder = self.root / "services" / service / "migrations"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.sql").write_text(text)

    def run(self, *arguments: str, exit_code: int = 0) -> Result:
        """`mesh db …` here, ending with that exit code."""
        result = CliRunner().invoke(commands.app, [*arguments, "--env", self.environment.environment])
        assert result.exit_code == exit_code, result.output
        return result

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def rows(self, query: str) -> list[Any]:
        """Rows, read by the server's superuser."""
        with psycopg.connect(self.server.dsn(self.environment.database.name)) as connection:
            return connection.execute(query.encode()).fetchall()

    def exists(self) -> bool:
        with psycopg.connect(self.server.dsn()) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            return connection.execute(query, [self.environment.database.name]).fetchone() is not None


def environment_of(name: str, database: DatabaseAccess, endpoint_url: str | None) -> Environment:
    return bare_environment(name, database=database, endpoint_url=endpoint_url)


def make_place(root: Path, environment: Environment, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Place:
    one, two = ("".join(secrets.choice(string.ascii_lowercase) for _ in range(10)) for _ in range(2))
    place = Place(root, environment, server, min(one, two), max(one, two))
    for name in (one, two):
        folder = root / "services" / name
        folder.mkdir(parents=True)
        (folder / "service.yaml").write_text(MANIFEST.format(name=name))
    shutil.copy(REPOSITORY / "services/platform.yaml", root / "services")
    (root / "services/lib/chassis/migrations").mkdir(parents=True)
    (root / "services/lib/chassis/migrations/0001_base.sql").write_text("CREATE TABLE base (e halfvec(3))")
    monkeypatch.setattr("workspace.REPOSITORY", root)
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: environment)
    return place


@pytest.fixture
def local(postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """As in the local mesh: a superuser with a password, and passwords of roles in the state folder."""
    state = tmp_path / "state"
    (state / "postgres").mkdir(parents=True)
    (state / "postgres/password").write_text(postgres_server.password)
    monkeypatch.setenv("MESH_STATE_DIR", str(state))
    database = DatabaseAccess(
        host=postgres_server.host,
        port=postgres_server.port,
        name=f"local_{secrets.token_hex(4)}",
        auth="password",
        sslmode="disable",
        administrator="postgres",
    )
    environment = environment_of("local", database, None)
    yield make_place(tmp_path / "repository", environment, postgres_server, monkeypatch)
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def rds_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rds]:
    with rds(tmp_path_factory.mktemp("rds")) as server:
        yield server


@pytest.fixture
def aws(rds_server: Rds, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """As in AWS: an administrator who is no superuser, IAM tokens, a first password in Secrets Manager."""
    rds_server.as_made()
    rds_server.token_refused_for.clear()
    secret = emulator.session.client("secretsmanager").create_secret(
        Name=f"rds-{secrets.token_hex(4)}",
        SecretString=json.dumps({"username": ADMINISTRATOR, "password": FIRST_PASSWORD}),
    )
    database = DatabaseAccess(
        host=rds_server.host,
        port=rds_server.port,
        name=f"aws_{secrets.token_hex(4)}",
        auth="iam",
        sslmode="verify-full",
        administrator=ADMINISTRATOR,
        administrator_secret=secret["ARN"],
        resource_id="db-ABC",
    )
    monkeypatch.setattr(access, "ROOT_CERTIFICATES", str(rds_server.certificates))
    environment = environment_of("dev", database, emulator.url)
    return make_place(tmp_path / "repository", environment, rds_server.server, monkeypatch)


@pytest.fixture(params=["local", "aws"])
def place(request: pytest.FixtureRequest) -> Place:
    """Both kinds, one after the other."""
    made: Place = request.getfixturevalue(request.param)
    return made


def test_everything_is_created_and_a_second_run_has_nothing_to_do(place: Place) -> None:
    place.write(place.one, **{"0001_a": "CREATE TABLE a (n int)", "0002_b": "INSERT INTO a VALUES (2)"})
    first = place.run("migrate")
    assert f"applied to {place.one}: {place.one}/0002_b.sql" in first.stdout
    assert place.json("migrate")["services"] == [
        {"service": place.one, "applied": [], "already_there": 3},
        {"service": place.two, "applied": [], "already_there": 1},
    ]
    assert place.rows(f"SELECT n FROM {place.one}.a") == [(2,)]
    owners = "SELECT schemaname, tableowner FROM pg_tables WHERE tablename = 'base' ORDER BY 1"
    assert place.rows(owners) == [(place.one, place.one), (place.two, place.two)]
    assert place.rows("SELECT extname FROM pg_extension WHERE extname IN ('vector', 'pg_trgm')") != []


def test_a_dry_run_shows_the_changes_and_makes_none(place: Place) -> None:
    place.write(place.two, **{"0001_a": "CREATE TABLE a (n int)"})
    result = place.run("migrate", "--dry-run")
    for line in (
        f"would create database {place.environment.database.name}",
        "would create extension pg_trgm",
        f"would create role and schema {place.one}",
        f"would apply to {place.two}: chassis/0001_base.sql",
        f"would apply to {place.two}: {place.two}/0001_a.sql",
    ):
        assert line in result.stdout.splitlines()
    assert not place.exists()
    place.run("migrate")
    assert "would" not in place.run("migrate", "--dry-run").stdout.replace("would be applied", "")
    place.write(place.one, **{"0001_a": "CREATE TABLE a (n int)"})
    assert [each["pending"] for each in place.json("migrate", "--dry-run")["services"]] == [
        [f"{place.one}/0001_a.sql"],
        [],
    ]
    assert place.rows(f"SELECT to_regclass('{place.one}.a')") == [(None,)]


def test_a_failed_file_ends_the_run_and_the_next_resumes(place: Place) -> None:
    place.write(
        place.one,
        **{"0001_a": "CREATE TABLE a (n int)", "0002_b": "CREATE TABLE b (n int);\nSELECT 1/0", "0003_c": "SELECT 1"},
    )
    failed = place.run("migrate", exit_code=1)
    assert failed.stderr.count("\n") == 1
    assert f"{place.one}/0002_b.sql" in failed.stderr
    assert "division by zero" in failed.stderr
    assert f"applied to {place.one}: {place.one}/0001_a.sql" in failed.stdout
    assert place.rows(f"SELECT to_regclass('{place.one}.a') IS NULL, to_regclass('{place.one}.b') IS NULL") == [
        (False, True)
    ]
    place.write(place.one, **{"0002_b": "CREATE TABLE b (n int)"})
    assert place.json("migrate")["services"] == [
        {"service": place.one, "applied": [f"{place.one}/0002_b.sql", f"{place.one}/0003_c.sql"], "already_there": 2},
        {"service": place.two, "applied": ["chassis/0001_base.sql"], "already_there": 0},
    ]


@pytest.mark.parametrize("arguments", [["migrate"], ["migrate", "--dry-run"]])
def test_a_file_that_was_edited_after_it_was_applied_is_refused(place: Place, arguments: list[str]) -> None:
    place.write(place.one, **{"0001_a": "CREATE TABLE a (n int)"})
    place.run("migrate")
    place.write(place.one, **{"0001_a": "CREATE TABLE a (n bigint)", "0002_b": "CREATE TABLE b (n int)"})
    refused = place.run(*arguments, exit_code=1)
    assert f"{place.one}/0001_a.sql" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert place.rows(f"SELECT to_regclass('{place.one}.b')") == [(None,)]


def test_one_service_alone(place: Place) -> None:
    place.run("migrate", "--service", place.two)
    assert place.rows(f"SELECT to_regnamespace('{place.one}')") == [(None,)]
    assert place.run("migrate", "--service", "nobody", exit_code=2).stdout == ""


def test_status_shows_pending_migrations(place: Place) -> None:
    place.run("migrate", "--service", place.one)
    status = place.json("status")
    assert status["lacking"] == [f"role and schema {place.two}"]
    assert [each["pending"] for each in status["services"]] == [[], ["chassis/0001_base.sql"]]
    assert f"pending in {place.two}: chassis/0001_base.sql" in place.run("status").stdout


def test_two_runs_at_once_do_everything_once(place: Place) -> None:
    place.write(
        place.one, **{"0001_a": "CREATE TABLE a (n int)", "0002_b": "SELECT pg_sleep(.2); INSERT INTO a VALUES (1)"}
    )
    manifests = load_manifests(place.root)
    services = list(manifests.services.values())

    def run(_: int) -> list[str]:
        way = open_access(place.environment)
        prepare(way, manifests, services, place.environment.database.name)
        return [f for each in migrate_services(way, manifests, services, lambda *_: None) for f in each.applied]

    with ThreadPoolExecutor(3) as pool:
        applied = [name for names in pool.map(run, range(3)) for name in names]
    assert sorted(applied) == sorted(
        ["chassis/0001_base.sql", "chassis/0001_base.sql", f"{place.one}/0001_a.sql", f"{place.one}/0002_b.sql"]
    )
    assert place.rows(f"SELECT n FROM {place.one}.a") == [(1,)]


def test_local_passwords_are_for_their_owner_alone(local: Place, tmp_path: Path) -> None:
    local.run("migrate")
    file = tmp_path / "state/database-passwords.json"
    assert file.stat().st_mode & 0o777 == 0o600
    password = json.loads(file.read_text())[local.one]
    with psycopg.connect(local.server.dsn(local.environment.database.name, local.one, password)) as connection:
        assert connection.execute("SELECT current_schema()").fetchone() == (local.one,)


def test_a_local_database_that_was_never_started(local: Place, tmp_path: Path) -> None:
    (tmp_path / "state/postgres/password").unlink()
    assert "make up" in local.run("migrate", exit_code=1).stderr


def test_the_first_password_is_used_once(aws: Place, rds_server: Rds) -> None:
    aws.run("migrate", "--dry-run")
    assert not rds_server.has_iam(ADMINISTRATOR)
    rds_server.attempts.clear()
    aws.run("migrate")
    ways = [verdict for user, verdict in rds_server.attempts if user == ADMINISTRATOR]
    assert ways == ['password authentication failed for user "administrator"', "password", "token", "token"]
    rds_server.attempts.clear()
    aws.run("migrate")
    assert {verdict for _, verdict in rds_server.attempts} == {"token"}
    # From now on no password opens the database.
    assert "PAM" in rds_server.verdict(ADMINISTRATOR, FIRST_PASSWORD)


def test_no_role_has_a_password_and_the_administrator_cannot_read(aws: Place, rds_server: Rds) -> None:
    aws.run("migrate")
    roles = f"('{aws.one}', '{aws.two}')"
    assert aws.rows(f"SELECT count(*) FROM pg_authid WHERE rolname IN {roles} AND rolpassword IS NOT NULL") == [(0,)]
    assert rds_server.has_iam(aws.one)
    with access.IamAccess(aws.environment).administrator(aws.environment.database.name, changing=False) as connection:
        assert connection.execute("SELECT current_user, current_setting('is_superuser')").fetchone() == (
            ADMINISTRATOR,
            "off",
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT * FROM {aws.one}.base".encode())


def test_a_missing_permission_is_named(aws: Place, rds_server: Rds) -> None:
    aws.run("migrate")
    rds_server.token_refused_for.add(aws.one)
    refused = aws.run("migrate", exit_code=1)
    assert f"rds-db:connect on arn:aws:rds-db:us-east-1:000000000000:dbuser:db-ABC/{aws.one}" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_server_that_cannot_prove_to_be_rds_is_not_trusted(
    aws: Place, rds_server: Rds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with pytest.raises(SignInError, match="certificate verify failed"):
        access.IamAccess(aws.environment).administrator("postgres", changing=True)
    assert rds_server.attempts == []


@pytest.mark.parametrize("kept", ["no json", '{"username": "administrator"}', '"text"'])
def test_a_first_password_that_cannot_be_read_is_not_quoted(aws: Place, emulator: Emulator, kept: str) -> None:
    emulator.session.client("secretsmanager").put_secret_value(
        SecretId=aws.environment.database.administrator_secret or "", SecretString=kept
    )
    refused = aws.run("migrate", exit_code=1)
    assert "does not hold a username and password" in refused.stderr
    assert kept not in refused.output


def test_secrets_are_in_no_output(aws: Place, rds_server: Rds) -> None:
    outputs = [aws.run("migrate"), aws.run("status")]
    rds_server.token_refused_for.add(ADMINISTRATOR)
    outputs.append(aws.run("migrate", exit_code=1))
    for result in outputs:
        assert FIRST_PASSWORD not in result.output
        assert "X-Amz-Signature" not in result.output


def test_the_services_of_this_repository(aws: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspace.REPOSITORY", REPOSITORY)
    having = [name for name, service in load_manifests(REPOSITORY).services.items() if service.database]
    assert [each["service"] for each in aws.json("migrate")["services"]] == having
    status = aws.json("status")
    assert status["lacking"] == []
    assert not any(each["pending"] for each in status["services"])
