"""The servers under the tests: each is started on first use, on a free port, and shared by all tests of a run.

The process that begins a run hosts them and answers, on a Unix socket that an environment variable names, where they
are. So parallel workers, and whatever else a run starts, share one Postgres and one AWS emulator: databases, roles and
resources have names of their own.

They also end when the test run is killed; a run that gets SIGTERM tears its fixtures down first, as
after Ctrl-C, because a whole mesh outlives who started it.
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql

from localmesh.emulator import Emulator
from localmesh.postgres import Postgres

#: Names the folder with the socket of the run's servers, and the key that opens it.
HOST_VARIABLE: Final = "COLLECTIONS_TEST_SERVERS"


@dataclass(frozen=True, slots=True)
class FreshDatabase:
    """A database of a test's own, with pgvector installed in `public`; you are its superuser."""

    server: Postgres
    name: str

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def dsn(self) -> str:
        return self.server.dsn(self.name)

    def dsn_of(self, user: str, password: str) -> str:
        """The same database for another role."""
        return self.server.dsn(self.name, user, password)

    def disconnect(self) -> None:
        """End every connection to this database, as a restart would, and none of the tests beside this one."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a server keeps its files and listens, or why it does not."""

    folder: str
    port: int
    error: str = ""


@contextmanager
def database(server: Postgres) -> Iterator[FreshDatabase]:
    """An empty database while the block runs. No connection is kept for it: a run has hundreds of them at once."""
    name = f"test_{secrets.token_hex(6)}"
    _execute(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield FreshDatabase(server, name)
    finally:
        _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(server: Postgres, statement: sql.Composed) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def hosted_servers() -> Iterator[None]:
    """While the block runs, this process and those it starts share servers."""
    with tempfile.TemporaryDirectory(prefix="collections-servers-") as name:  # readable by its owner alone
        folder = Path(name)
        (folder / "key").write_bytes(secrets.token_bytes(32))
        listener = Listener(str(folder / "socket"), authkey=(folder / "key").read_bytes())
        host = threading.Thread(target=_answer, args=[listener], name="test-servers", daemon=True)
        host.start()
        os.environ[HOST_VARIABLE] = name
        try:
            yield
        finally:
            _ask(_END)
            host.join()
            listener.close()
            del os.environ[HOST_VARIABLE]


def _answer(listener: Listener) -> None:
    """Start servers as they are asked for, in a thread that stays: a server that dies with its parent dies with the
    thread that started it."""
    places: dict[str, _Place] = {}
    with ExitStack() as stack:
        while True:
            with listener.accept() as connection:
                kind = connection.recv()
                if kind == _END:
                    stack.close()
                    connection.send(_Place("", 0))
                    return
                try:
                    if kind not in places:
                        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"collections-{kind}-"))
                        port = stack.enter_context(_STARTERS[kind](Path(folder)))
                        places[kind] = _Place(folder, port)
                    connection.send(places[kind])
                except Exception as error:  # raised again where it was asked for
                    connection.send(_Place("", 0, f"{kind} did not start: {error}"))


def _ask(kind: str) -> _Place:
    folder = Path(os.environ[HOST_VARIABLE])
    with Client(str(folder / "socket"), authkey=(folder / "key").read_bytes()) as connection:
        connection.send(kind)
        place: _Place = connection.recv()
    if place.error:
        raise RuntimeError(place.error)
    return place


@contextmanager
def _postgres(folder: Path) -> Iterator[int]:
    with Postgres(folder, fast=True) as server:
        with psycopg.connect(server.dsn("template1"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector; CREATE EXTENSION pg_trgm")
        yield server.port


@contextmanager
def _emulator(folder: Path) -> Iterator[int]:
    with Emulator(folder) as server:
        yield server.options.port


_END: Final = "end"
_STARTERS: Final = {"postgres": _postgres, "emulator": _emulator}


def pytest_configure(config: pytest.Config) -> None:
    """SIGTERM is treated as Ctrl-C; the process that begins a run hosts its servers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if HOST_VARIABLE not in os.environ:
        stack = ExitStack()
        stack.enter_context(hosted_servers())
        config.add_cleanup(stack.close)


@pytest.fixture(scope="session")
def postgres_server() -> Postgres:
    """The run's embedded Postgres (roles are shared by its databases: give yours unique names)."""
    place = _ask("postgres")
    return Postgres(Path(place.folder), place.port, fast=True)


@pytest.fixture
def fresh_database(postgres_server: Postgres) -> Iterator[FreshDatabase]:
    """An empty database of its own for each test."""
    with database(postgres_server) as created:
        yield created


@pytest.fixture(scope="session")
def emulator() -> Emulator:
    """The run's AWS emulator, empty at first (give your resources unique names)."""
    place = _ask("emulator")
    return Emulator(Path(place.folder), place.port)
