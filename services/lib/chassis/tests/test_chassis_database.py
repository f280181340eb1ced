"""Connections and transactions on a real Postgres: how a session is set up, and what its faults become."""

from typing import Any

import psycopg
import pytest
from psycopg import errors

from chassis.database import Database
from chassis.errors import ChassisError, CommitUnknownError, TransientError
from chassis.service import Service
from chassis.settings import Settings
from testkit import ServiceSchema
from testkit.faults import losing_connection

pytestmark = pytest.mark.integration

Worker = Service[Settings]


def session(database: Database) -> int:
    """The process id of the server behind the connection."""
    return database.connection().info.backend_pid


@pytest.fixture
def database(worker: Worker) -> Database:
    worker.database.connection().execute("CREATE TEMPORARY TABLE kept (n int)")
    return worker.database


def test_a_session_is_bounded_in_every_way(worker: Worker) -> None:
    connection = worker.database.connection()
    rows = connection.execute("SELECT name, setting, unit FROM pg_settings WHERE source = 'client'").fetchall()
    settings = {row["name"]: f"{row['setting']}{row['unit'] or ''}" for row in rows}
    assert settings["search_path"] == f"{worker.settings.database_schema},public"
    assert settings["statement_timeout"] == "20000ms"
    assert settings["idle_in_transaction_session_timeout"] == "15000ms"
    assert settings["transaction_timeout"] == "25000ms"
    assert settings["lock_timeout"] == "10000ms"
    assert settings["idle_session_timeout"] == "120000ms"
    assert settings["application_name"] == "imaging-test"
    assert connection.autocommit


def test_a_connection_is_made_as_the_settings_say(worker: Worker, schema: ServiceSchema) -> None:
    parameters = worker.database.connection().info.get_parameters()
    given = {name: parameters.get(name) for name in ("host", "port", "dbname", "user")}
    assert given == {
        "host": schema.database.host,
        "port": str(schema.database.port),
        "dbname": schema.database.name,
        "user": schema.role,
    }
    assert {name: value for name, value in parameters.items() if "keepalive" in name or "timeout" in name} == {
        "connect_timeout": "8",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "5000",
    }


def test_the_channel_is_as_safe_as_the_settings_ask_for(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def connect(**parameters: Any) -> Any:
        asked.update(parameters)
        raise psycopg.OperationalError

    safe = {"database_sslmode": "verify-full", "database_sslrootcert": "/ca.pem"}
    with monkeypatch.context() as patch, pytest.raises(TransientError):
        patch.setattr(psycopg, "connect", connect)
        Database(worker.settings.model_copy(update=safe), lambda: "any").connection()
    assert (asked["sslmode"], asked["sslrootcert"]) == ("verify-full", "/ca.pem")


def test_a_password_is_asked_for_at_each_connection(worker: Worker, schema: ServiceSchema) -> None:
    """A token lasts minutes, a process hours."""
    asked: list[str] = []

    def password() -> str:
        asked.append("once more")
        return schema.password

    database = Database(worker.settings, password)
    assert asked == []
    database.connection()
    database.connection()
    assert len(asked) == 1
    database.fresh_connection()
    assert len(asked) == 2
    database.close()
    database.close()
    database.connection()
    assert len(asked) == 3
    database.close()


def test_a_process_has_one_connection(worker: Worker) -> None:
    first = worker.database.connection()
    assert worker.database.connection() is first
    second = worker.database.fresh_connection()
    assert first.closed
    assert worker.database.connection() is second
    second.close()
    assert not worker.database.connection().closed


def test_a_server_that_cannot_be_reached_is_a_transient_fault(worker: Worker) -> None:
    nowhere = Database(worker.settings.model_copy(update={"database_port": 1}), lambda: "any")
    for use in (nowhere.connection, nowhere.fresh_connection, lambda: nowhere.transaction().__enter__()):
        with pytest.raises(TransientError, match=r"^database: cannot connect to 127\.0\.0\.1$"):
            use()


def test_a_transaction_is_all_or_nothing_and_keeps_its_session(database: Database) -> None:
    before = session(database)
    with database.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
    with pytest.raises(KeyError), database.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
        raise KeyError
    with database.transaction() as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [{"n": 1}]
    assert session(database) == before


def test_a_statement_that_is_wrong_is_no_transient_fault(database: Database) -> None:
    before = session(database)
    with pytest.raises(psycopg.errors.UndefinedTable), database.transaction() as connection:
        connection.execute("SELECT * FROM nowhere")
    assert session(database) == before


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.AdminShutdown,
        psycopg.errors.DeadlockDetected,
        psycopg.errors.IdleInTransactionSessionTimeout,
        psycopg.errors.QueryCanceled,
        psycopg.errors.ReadOnlySqlTransaction,
        psycopg.errors.TransactionTimeout,
    ],
    ids=lambda error: error.__name__,
)
def test_what_the_server_ends_is_a_transient_fault_and_the_session_is_replaced(
    error: type[psycopg.Error], database: Database
) -> None:
    before = session(database)
    with pytest.raises(TransientError, match=rf"^database: {error.__name__}$"), database.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
        raise error
    with database.transaction() as connection:
        assert connection.execute("SELECT to_regclass('kept') AS kept").fetchone() == {"kept": None}
    assert session(database) != before


def test_a_session_that_ended_between_two_transactions_goes_unnoticed(worker: Worker) -> None:
    before = session(worker.database)
    with losing_connection(worker.database, "BEGIN"), worker.database.transaction() as connection:
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    assert session(worker.database) != before


def test_a_server_that_ends_every_session_is_a_transient_fault(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = worker.database.connection()
    closed.close()
    with monkeypatch.context() as patch:
        patch.setattr(worker.database, "connection", lambda: closed)
        patch.setattr(worker.database, "fresh_connection", lambda: closed)
        with pytest.raises(TransientError, match=r"^database: OperationalError$"), worker.database.transaction():
            pytest.fail("the block must not be entered")
    with worker.database.transaction() as connection:
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_an_error_of_the_block_is_not_hidden_by_a_session_that_is_gone(worker: Worker) -> None:
    with pytest.raises(KeyError), worker.database.transaction() as connection:
        connection.close()
        raise KeyError


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (errors.AdminShutdown, CommitUnknownError),
        (errors.CrashShutdown, CommitUnknownError),
        (errors.ConnectionFailure, CommitUnknownError),
        (psycopg.OperationalError, CommitUnknownError),
        (errors.SerializationFailure, TransientError),
        (errors.DiskFull, TransientError),
        (errors.TransactionTimeout, TransientError),
    ],
)
def test_only_a_server_that_goes_away_leaves_the_outcome_of_a_commit_open(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, fault: type[psycopg.Error], raised: type[TransientError]
) -> None:
    connection = worker.database.connection()
    execute = connection.execute

    def failing(statement: Any, *arguments: Any) -> Any:
        if statement == "COMMIT":
            raise fault("gone")
        return execute(statement, *arguments)

    monkeypatch.setattr(connection, "execute", failing)
    with pytest.raises(ChassisError) as failed, worker.database.transaction():
        pass
    assert type(failed.value) is raised
    assert connection.closed
