"""The service's Postgres: one connection a process, in the service's own schema.

A Lambda environment serves one invocation at a time, so a pool would hold one connection too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

from chassis.errors import CommitUnknownError, TransientError
from chassis.settings import Settings

__all__ = [
    "Connection",
    "Database",
]

Connection = psycopg.Connection[dict[str, Any]]

# A transaction left open would hold back the horizon that followers of the event store read below. An idle session is
# that of an environment that Lambda keeps frozen after a burst: others need its connection.
_SESSION_OPTIONS = (
    "-c search_path={schema},public -c statement_timeout=20000 -c idle_in_transaction_session_timeout=15000 "
    "-c transaction_timeout=25000 -c lock_timeout=10000 -c idle_session_timeout=120000"
)
# What ends a transaction and leaves nothing of it; psycopg does not count the second line as OperationalError.
_PASSING = (
    psycopg.OperationalError,
    *(errors.TransactionTimeout, errors.IdleInTransactionSessionTimeout, errors.ReadOnlySqlTransaction),
)

# Class of the SQLSTATEs of a lost connection; that of a server that goes away is 57. Others say that nothing is stored.
_LOST = "08"


class Database:
    """Connects when first used and again after the server went away; `password` is asked for at each connection."""

    def __init__(self, settings: Settings, password: Callable[[], str]) -> None:
        self._settings = settings
        self._password = password
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        """The open connection (autocommit; rows are dictionaries), perhaps one whose server has gone away since.

        Only `transaction` notices that and connects again: use it for reading too.

        Raises:
            TransientError: the server cannot be reached.
        """
        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = self._connect()
        return self._connection

    def fresh_connection(self) -> Connection:
        """A new connection, for a statement that runs outside a transaction (CREATE INDEX CONCURRENTLY).

        Raises:
            TransientError: the server cannot be reached.
        """
        self.close()
        self._connection = self._connect()
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: commits at the end of the block, rolls back when it raises.

        Raises:
            TransientError: the server cannot be reached, or went away meanwhile; nothing is committed.
            CommitUnknownError: it went away during COMMIT itself, whose outcome nobody knows: all of it is committed or
                nothing. A consumer's inbox tells a second delivery which; a caller over HTTP must look.
        """
        connection = self._begin()
        committing = False
        try:
            yield connection
            committing = True
            connection.execute("COMMIT")
        except _PASSING as error:
            self.close()
            if committing and (error.sqlstate or _LOST)[:2] in {_LOST, "57"}:
                raise CommitUnknownError(f"database: {type(error).__name__} during COMMIT") from error
            raise TransientError(f"database: {type(error).__name__}") from error
        except BaseException:
            if not connection.closed:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _begin(self) -> Connection:
        connection = self.connection()
        try:
            connection.execute("BEGIN")
        except psycopg.OperationalError:
            # The server ended it since the last invocation; a fresh connection is all it takes.
            connection = self.fresh_connection()
            try:
                connection.execute("BEGIN")
            except psycopg.OperationalError as error:
                self.close()
                raise TransientError(f"database: {type(error).__name__}") from error
        return connection

    def _connect(self) -> Connection:
        settings = self._settings
        try:
            return psycopg.connect(
                host=settings.database_host,
                port=settings.database_port,
                dbname=settings.database_name,
                user=settings.database_role,
                password=self._password(),
                sslmode=settings.database_sslmode,
                sslrootcert=settings.database_sslrootcert,
                connect_timeout=8,  # a small server takes its time over the first token
                # Network devices in between drop idle connections, not always with a notification.
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                tcp_user_timeout=5_000,  # milliseconds
                application_name=f"{settings.service}-{settings.function}",
                options=_SESSION_OPTIONS.format(schema=settings.database_schema),
                autocommit=True,
                row_factory=dict_row,
            )
        except psycopg.OperationalError as error:
            raise TransientError(f"database: cannot connect to {settings.database_host}") from error
