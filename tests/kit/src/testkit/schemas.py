"""A service's schema: migrated once a session, empty again for every test that asks for it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from psycopg import sql

from chassis.migrations import migrate, prepare_role
from localmesh.postgres import Postgres
from localmesh.provision.database import migration_folders
from manifests import load_manifests
from testkit.servers import FreshDatabase, database
from workspace import REPOSITORY


@dataclass(frozen=True, slots=True)
class ServiceSchema:
    """A migrated schema in a database of its own; the role that owns it has the same name."""

    database: FreshDatabase
    role: str
    password: str

    @property
    def dsn(self) -> str:
        """The database for the service's own role."""
        return self.database.dsn_of(self.role, self.password)

    @property
    def settings(self) -> dict[str, Any]:
        """Keyword arguments for the service's settings. The password is a secret: see `deployed`."""
        return {
            "database_host": self.database.host,
            "database_port": self.database.port,
            "database_name": self.database.name,
            "database_role": self.role,
            "database_schema": self.role,
        }


class MakeSchema(Protocol):
    """Creates the schema of a service, by default with the migrations that provisioning gives it."""

    def __call__(self, service: str, sources: Sequence[Path] | None = None) -> ServiceSchema: ...


class SchemaPool:
    """Migrated schemas of a session, emptied and reused: creating a database costs ten times as much."""

    def __init__(self, server: Postgres, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack
        self._free: dict[tuple[str, tuple[Path, ...]], list[_Pooled]] = {}
        self._roles: dict[str, tuple[str, str]] = {}

    @contextmanager
    def lend(self, service: str, sources: Sequence[Path] | None = None) -> Iterator[ServiceSchema]:
        """An empty schema of one's own while the block runs."""
        kind = (service, tuple(migrations_of(service) if sources is None else sources))
        free = self._free.setdefault(kind, [])
        pooled = free.pop() if free else self._make(*kind)
        try:
            yield pooled.schema
        finally:
            if pooled.empty():
                free.append(pooled)

    def _make(self, service: str, sources: tuple[Path, ...]) -> _Pooled:
        created = self._stack.enter_context(database(self._server))
        role, password = self._roles.setdefault(service, (f"{service}_{secrets.token_hex(4)}", secrets.token_hex(8)))
        schema = ServiceSchema(created, role, password)
        with psycopg.connect(created.dsn, autocommit=True) as connection:
            prepare_role(connection, role, password)
            migrate(schema.dsn, role, sources)
            return _Pooled(schema, _catalogue(connection))


@dataclass(frozen=True, slots=True)
class _Pooled:
    schema: ServiceSchema
    catalogue: object

    def empty(self) -> bool:
        """End every connection and delete every row; False when more than rows were changed."""
        self.schema.database.disconnect()
        with psycopg.connect(self.schema.database.dsn, autocommit=True) as connection:
            if _catalogue(connection) != self.catalogue:
                return False
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> 'schema_migrations'",
                [self.schema.role],
            ).fetchall()
            names = sql.SQL(", ").join(sql.Identifier(self.schema.role, str(name)) for (name,) in tables)
            connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names))
            return True


def _catalogue(connection: psycopg.Connection[tuple[object, ...]]) -> object:
    """Stands for all schemas, tables, columns, indexes, sequences and functions that migrations or tests made."""
    return connection.execute(
        """SELECT md5(string_agg(made, ',' ORDER BY made)) FROM (
               SELECT 'class ' || oid FROM pg_class WHERE oid >= 16384
               UNION ALL SELECT 'namespace ' || oid FROM pg_namespace WHERE oid >= 16384
               UNION ALL SELECT 'function ' || oid FROM pg_proc WHERE oid >= 16384
               UNION ALL SELECT 'column ' || attrelid || ' ' || attname || atttypid || attnotnull || attisdropped
                   FROM pg_attribute WHERE attrelid >= 16384
           ) AS everything (made)"""
    ).fetchone()


def migrations_of(service: str) -> list[Path]:
    """The folders of migrations that provisioning applies to the service's schema, in order."""
    return migration_folders(REPOSITORY, load_manifests(REPOSITORY).services[service])


@pytest.fixture(scope="session")
def schema_pool(postgres_server: Postgres) -> Iterator[SchemaPool]:
    """For fixtures that live longer than a test; a test takes `service_schema`."""
    with ExitStack() as stack:
        yield SchemaPool(postgres_server, stack)


@pytest.fixture
def service_schema(schema_pool: SchemaPool) -> Iterator[MakeSchema]:
    """Creates empty, migrated schemas; they end with the test."""
    with ExitStack() as stack:
        yield lambda service, sources=None: stack.enter_context(schema_pool.lend(service, sources))
