"""The embedded Postgres: what survives, what does not, and who may ask."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql

from localmesh.inspection import read_parked
from localmesh.postgres import Postgres, PostgresError, account
from localmesh.postgres.server import binary
from localmesh.processes import ProcessRef, wait_gone
from testkit import FreshDatabase

pytestmark = pytest.mark.integration


def test_fresh_database_is_empty_and_knows_vectors(fresh_database: FreshDatabase) -> None:
    with psycopg.connect(fresh_database.dsn) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        distance = connection.execute("SELECT '[1,0]'::vector <=> '[0,1]'::vector").fetchone()
    assert tables == (0,)
    assert distance == (1.0,)


def test_a_wrong_password_is_refused(postgres_server: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.dsn(password="wrong"))


def test_the_password_is_for_the_owner_only(postgres_server: Postgres) -> None:
    assert (postgres_server.folder / "password").stat().st_mode & 0o077 == 0


def test_committed_rows_survive_kill_and_a_leftover_pid_file(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg").start()
    try:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept SELECT generate_series(1, 5000)")
        pid = int((server.data / "postmaster.pid").read_text().split()[0])
        ref = ProcessRef.of(pid)
        os.kill(pid, signal.SIGKILL)
        assert wait_gone(ref, 10)
        assert (server.data / "postmaster.pid").exists()
        # The id in the file now belongs to another living process: this test.
        noted = (server.data / "postmaster.pid").read_text().split("\n")
        (server.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *noted[1:]]))
        server.start()
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (5000,)
    finally:
        server.stop()


def test_stop_leaves_no_process(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg", fast=True).start()
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    assert len(family) > 1
    server.stop()
    assert [process for process in family if process.is_running()] == []
    server.stop()


def test_a_second_server_on_the_same_cluster_is_refused(tmp_path: Path) -> None:
    with Postgres(tmp_path / "pg", fast=True) as server, pytest.raises(PostgresError, match="already runs"):
        Postgres(server.folder, fast=True).start()


def test_a_cluster_of_another_major_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(PostgresError, match="created by Postgres 17"):
        Postgres(tmp_path).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change its account")
def test_a_cluster_passes_between_the_accounts_that_root_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container run-time may allow namespaces today and forbid them tomorrow; `nobody` can open the folder."""
    usable = [one for one in account._candidates() if one.name in {"user namespace", "nobody with CAP_DAC_OVERRIDE"}]
    usable = [one for one in usable if account.can_use(one, binary("postgres"))]
    assert usable
    for number, chosen in enumerate([*usable, *usable]):
        monkeypatch.setattr(account, "_candidates", lambda chosen=chosen: (chosen,))
        with Postgres(tmp_path / "pg", fast=True) as server:
            process = psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))
            if chosen.owner:
                assert process.uids().effective == chosen.owner
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS turns (n int)")
                assert connection.execute("SELECT count(*) FROM turns").fetchone() == (number,)
                connection.execute("INSERT INTO turns VALUES (%s)", [number])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change its account")
def test_root_without_any_usable_account_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "_candidates", lambda: (account.Account("none", (), None),))
    with pytest.raises(PostgresError, match="as an ordinary user"):
        Postgres(tmp_path / "pg").start()


def test_parked_events_are_counted_by_service(fresh_database: FreshDatabase, postgres_server: Postgres) -> None:
    assert read_parked(fresh_database.dsn) == {}
    with psycopg.connect(fresh_database.dsn) as connection:
        for schema, column in [("chat", "parked_at"), ("ingest", "parked_at"), ("odd-one", "parked_at"), ("old", "x")]:
            table = sql.Identifier(schema, "outbox")
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            connection.execute(sql.SQL("CREATE TABLE {} ({} timestamptz)").format(table, sql.Identifier(column)))
            connection.execute(sql.SQL("INSERT INTO {} VALUES (NULL)").format(table))
        connection.execute("INSERT INTO ingest.outbox VALUES (now()), (now())")
        connection.execute('INSERT INTO "odd-one".outbox VALUES (now())')
    assert read_parked(fresh_database.dsn) == {"ingest": 2, "odd-one": 1}
    assert read_parked(postgres_server.dsn("no-such-database")) is None
