"""Migrations against a real Postgres."""

import secrets
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from chassis.migrations import (
    Migration,
    MigrationChangedError,
    MigrationFailedError,
    MigrationSourceError,
    MigrationStatus,
    migrate,
    migrate_connected,
    migration_status,
    prepare_role,
)
from localmesh.postgres import Postgres
from testkit import FreshDatabase
from testkit.faults import waiting

pytestmark = pytest.mark.integration

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Writes a folder of migrations: name of the source, then file names with their text."""

    def write(source: str, **files: str) -> Path:
        target = tmp_path / source / "migrations"
        target.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (target / f"{name}.sql").write_text(text)
        return target

    return write


@pytest.fixture
def service(fresh_database: FreshDatabase) -> tuple[str, str]:
    """A prepared role: its name and its connection string."""
    name, password = f"role_{secrets.token_hex(4)}", secrets.token_hex(8)
    with psycopg.connect(fresh_database.dsn, autocommit=True) as connection:
        prepare_role(connection, name, password)
    return name, fresh_database.dsn_of(name, password)


def test_each_file_runs_once_and_in_order(service: tuple[str, str], folder: Folder) -> None:
    name, dsn = service
    base = folder("chassis", **{"0001_base": "CREATE TABLE a (n int)", "0002_more": "INSERT INTO a VALUES (1)"})
    own = folder("mine", **{"0001_own": "INSERT INTO a VALUES (2)"})
    assert migrate(dsn, name, [base, own]) == ["chassis/0001_base.sql", "chassis/0002_more.sql", "mine/0001_own.sql"]
    assert migrate(dsn, name, [base, own]) == []
    folder("mine", **{"0002_late": "INSERT INTO a VALUES (3)"})
    assert migrate(dsn, name, [base, own]) == ["mine/0002_late.sql"]
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT array_agg(n ORDER BY n) FROM a").fetchone() == ([1, 2, 3],)
        owner = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'a'").fetchone()
        assert owner == (name,)


def test_an_edited_file_is_an_error_and_nothing_runs(service: tuple[str, str], folder: Folder) -> None:
    name, dsn = service
    source = folder("mine", **{"0001_a": "CREATE TABLE a (n int)"})
    migrate(dsn, name, [source])
    folder("mine", **{"0001_a": "CREATE TABLE a (n bigint)", "0002_b": "CREATE TABLE b (n int)"})
    with pytest.raises(MigrationChangedError, match=rf"^mine/0001_a\.sql was applied to schema {name} and edited"):
        migrate(dsn, name, [source])
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT to_regclass('b')").fetchone() == (None,)


def test_a_failing_file_leaves_nothing_of_itself(service: tuple[str, str], folder: Folder) -> None:
    name, dsn = service
    source = folder("mine", **{"0001_a": "CREATE TABLE a (n int)", "0002_b": "CREATE TABLE b (n int); SELECT 1/0"})
    with pytest.raises(MigrationFailedError, match=rf"^mine/0002_b\.sql on schema {name}: division by zero"):
        migrate(dsn, name, [source])
    folder("mine", **{"0002_b": "CREATE TABLE b (n int)"})
    assert migrate(dsn, name, [source]) == ["mine/0002_b.sql"]


def test_a_missing_folder_is_an_error(service: tuple[str, str], tmp_path: Path) -> None:
    name, dsn = service
    with pytest.raises(MigrationSourceError, match="nowhere is not a folder of migrations"):
        migrate(dsn, name, [tmp_path / "nowhere"])


def test_types_of_extensions_are_found(service: tuple[str, str], folder: Folder) -> None:
    name, dsn = service
    source = folder("mine", **{"0001_v": "CREATE TABLE v (e halfvec(3)); INSERT INTO v VALUES ('[1,2,3]')"})
    migrate(dsn, name, [source])
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT e <=> '[1,2,3]' FROM v").fetchone() == (0.0,)


def test_a_role_has_no_rights_outside_its_schema(fresh_database: FreshDatabase, folder: Folder) -> None:
    dsns: dict[str, str] = {}
    with psycopg.connect(fresh_database.dsn, autocommit=True) as connection:
        for kind in ("one", "two"):
            name, password = f"{kind}_{secrets.token_hex(4)}", secrets.token_hex(8)
            prepare_role(connection, name, password)
            prepare_role(connection, name, password)
            dsns[name] = fresh_database.dsn_of(name, password)
    (mine, my_dsn), (other, other_dsn) = dsns.items()
    migrate(other_dsn, other, [folder("other", **{"0001_a": "CREATE TABLE a (n int)"})])
    with psycopg.connect(my_dsn, autocommit=True) as connection:
        for statement in (
            f"SELECT * FROM {other}.a",
            f"CREATE TABLE {other}.b (n int)",
            "CREATE TABLE public.b (n int)",
            "CREATE SCHEMA elsewhere",
            f"ALTER ROLE {other} PASSWORD 'x'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        assert connection.execute("SELECT current_schema()").fetchone() == (mine,)


def test_the_status_changes_nothing(service: tuple[str, str], folder: Folder) -> None:
    name, dsn = service
    source = folder("mine", **{"0001_a": "CREATE TABLE a (n int)", "0002_b": "CREATE TABLE b (n int)"})
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert migration_status(connection, name, [source]) == MigrationStatus(
            (), ("mine/0001_a.sql", "mine/0002_b.sql")
        )
        assert connection.execute("SELECT to_regclass('schema_migrations')").fetchone() == (None,)
        migrate(dsn, name, [source])
        folder("mine", **{"0001_a": "SELECT 1", "0003_c": "CREATE TABLE c (n int)"})
        assert migration_status(connection, name, [source]) == MigrationStatus(
            ("mine/0001_a.sql", "mine/0002_b.sql"), ("mine/0003_c.sql",), ("mine/0001_a.sql",)
        )


def test_what_was_applied_before_a_failure_is_reported(service: tuple[str, str], folder: Folder) -> None:
    name, dsn = service
    source = folder("mine", **{"0001_a": "CREATE TABLE a (n int)", "0002_b": "SELECT 1/0", "0003_c": "SELECT 1"})
    reported: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection, pytest.raises(MigrationFailedError, match="0002_b"):
        migrate_connected(connection, name, [source], reported.append)
    assert reported == ["mine/0001_a.sql"]


def test_an_administrator_needs_no_superpowers(postgres_server: Postgres, folder: Folder) -> None:
    """As in RDS: the owner of the database may make roles, and keeps no way into the schemas of the services."""
    mark = secrets.token_hex(4)
    owner, database, names = f"owner_{mark}", f"owned_{mark}", [f"one_{mark}", f"two_{mark}"]
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE CREATEDB PASSWORD 'x'".encode())
        connection.execute(f"CREATE DATABASE {database} OWNER {owner}".encode())
    with psycopg.connect(postgres_server.dsn(database, owner, "x"), autocommit=True) as connection:
        for name in names * 2:
            prepare_role(connection, name, "y")
        # A run that was cut short has left a role without its schema.
        connection.execute(f"CREATE ROLE cut_{mark} LOGIN".encode())
        prepare_role(connection, f"cut_{mark}", "y")
        for name in (*names, f"cut_{mark}"):
            migrate(
                postgres_server.dsn(database, name, "y"), name, [folder("mine", **{"0001_a": "CREATE TABLE a (n int)"})]
            )
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {name}.a".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SET ROLE {name}".encode())
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())


def test_a_second_run_waits_for_the_first_and_finds_nothing_to_do(
    service: tuple[str, str], folder: Folder, fresh_database: FreshDatabase
) -> None:
    name, dsn = service
    source = folder("mine", **{"0001_a": "CREATE TABLE a (n int)"})
    reported: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate_connected(connection, name, [source], reported.append)
        second = waiting(fresh_database.dsn, lambda: migrate(dsn, name, [source]))
    assert reported == ["mine/0001_a.sql"]
    assert second.result(10) == []


def test_runs_on_two_schemas_do_not_wait(
    service: tuple[str, str], folder: Folder, fresh_database: FreshDatabase
) -> None:
    name, dsn = service
    other, password = f"role_{secrets.token_hex(4)}", secrets.token_hex(8)
    with psycopg.connect(fresh_database.dsn, autocommit=True) as administrator:
        prepare_role(administrator, other, password)
    source = folder("mine", **{"0001_a": "CREATE TABLE a (n int)"})
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate_connected(connection, name, [source], lambda _: None)
        other_dsn = make_conninfo(fresh_database.dsn_of(other, password), options="-c lock_timeout=1s")
        assert migrate(other_dsn, other, [source]) == ["mine/0001_a.sql"]


def test_a_run_finds_the_schema_first_and_says_no_more_than_warnings(service: tuple[str, str], folder: Folder) -> None:
    name, dsn = service
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("RESET search_path")
        migrate_connected(connection, name, [folder("mine")], lambda _: None)
        assert connection.execute("SHOW search_path").fetchone() == (f"{name}, public",)
        assert connection.execute("SHOW client_min_messages").fetchone() == ("warning",)


def test_only_sql_files_are_migrations_and_their_text_counts(service: tuple[str, str], folder: Folder) -> None:
    name, dsn = service
    source = folder("mine", **{"0002_b": "SELECT 2 -- ü", "0001_a": "SELECT 1"})
    (source / "README.md").write_text("no migration")
    assert migrate(dsn, name, [source]) == ["mine/0001_a.sql", "mine/0002_b.sql"]
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT name, sha256, applied_at <= now() FROM schema_migrations ORDER BY name")
        assert rows.fetchall() == [
            (f"mine/{file}.sql", Migration("any", text).sha256, True)
            for file, text in (("0001_a", "SELECT 1"), ("0002_b", "SELECT 2 -- ü"))
        ]


def test_a_migration_is_named_by_its_service_wherever_it_is_run_from(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder("mine", **{"0001_a": "SELECT 1"}).parent)
    assert migration_status(None, "nowhere", [Path("migrations")]).pending == ("mine/0001_a.sql",)


def test_without_a_schema_everything_is_pending(folder: Folder) -> None:
    source = folder("mine", **{"0001_a": "SELECT 1"})
    assert migration_status(None, "nowhere", [source]) == MigrationStatus((), ("mine/0001_a.sql",), ())


def test_a_role_signs_in_with_its_latest_password_which_the_log_never_sees(fresh_database: FreshDatabase) -> None:
    name = f"role_{secrets.token_hex(4)}"
    with psycopg.connect(fresh_database.dsn, autocommit=True) as administrator:
        for password in ("first", "second"):
            prepare_role(administrator, name, password)
            with psycopg.connect(fresh_database.dsn_of(name, password)) as connection:
                assert connection.execute("SHOW search_path").fetchone() == (f"{name}, public",)
        role = administrator.execute(
            "SELECT rolpassword LIKE 'SCRAM-SHA-256$%%', rolinherit, rolcanlogin FROM pg_authid WHERE rolname = %s",
            [name],
        ).fetchone()
    assert role == (True, False, True)


def test_a_role_of_iam_has_no_password(fresh_database: FreshDatabase) -> None:
    name = f"role_{secrets.token_hex(4)}"
    with psycopg.connect(fresh_database.dsn, autocommit=True) as administrator:
        prepare_role(administrator, name, None)
        role = administrator.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [name]).fetchone()
        assert role == (None,)
        prepare_role(administrator, name, "given by an operator")
        prepare_role(administrator, name, None)
        role = administrator.execute("SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = %s", [name]).fetchone()
    assert role == (False,), "without one, the role's password is left as it is"


def test_nobody_else_may_enter_the_database(fresh_database: FreshDatabase) -> None:
    name, stranger = f"role_{secrets.token_hex(4)}", f"role_{secrets.token_hex(4)}"
    with psycopg.connect(fresh_database.dsn, autocommit=True) as administrator:
        prepare_role(administrator, name, None)
        administrator.execute(f"CREATE ROLE {stranger} LOGIN".encode())
        rights = administrator.execute(
            "SELECT has_database_privilege(role, current_database(), right_) FROM unnest(%s::text[]) AS role,"
            " unnest(ARRAY['CONNECT', 'TEMPORARY', 'CREATE']) AS right_",
            [[name, stranger]],
        ).fetchall()
    assert [right for (right,) in rights] == [True, True, False, False, False, False]
