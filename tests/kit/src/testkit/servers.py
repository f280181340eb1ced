"""The servers under the tests: started on first use on free ports, shared by all tests of a session, ended with it.

They also end when the test run is killed; a run that gets SIGTERM tears its fixtures down first, as
after Ctrl-C, because a whole mesh outlives who started it.
"""

from __future__ import annotations

import secrets
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from localmesh.emulator import Emulator
from localmesh.postgres import Postgres


def pytest_configure() -> None:
    """SIGTERM is treated as Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


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


@contextmanager
def database(server: Postgres) -> Iterator[FreshDatabase]:
    """An empty database while the block runs."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield FreshDatabase(server, name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """An embedded Postgres for the whole session (roles are shared by its databases: give yours unique names)."""
    with (
        tempfile.TemporaryDirectory(prefix="collections-postgres-") as folder,
        Postgres(Path(folder), fast=True) as server,
    ):
        with psycopg.connect(server.dsn("template1"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
        yield server


@pytest.fixture
def fresh_database(postgres_server: Postgres) -> Iterator[FreshDatabase]:
    """An empty database of its own for each test."""
    with database(postgres_server) as created:
        yield created


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """The AWS emulator for the whole session, empty at first (give your resources unique names)."""
    with tempfile.TemporaryDirectory(prefix="collections-emulator-") as folder, Emulator(Path(folder)) as server:
        yield server
