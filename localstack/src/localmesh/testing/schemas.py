"""A service's schema: migrated once a session into a template, copied for every test that asks for it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from chassis.migrations import migrate, prepare_role
from localmesh.paths import REPOSITORY
from localmesh.postgres import Postgres
from localmesh.provision.database import migration_folders
from localmesh.testing.servers import FreshDatabase, database
from manifests import load_manifests


@dataclass(frozen=True, slots=True)
class ServiceSchema:
    """A migrated schema in a database of its own; the role that owns it bears its name."""

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
    """Makes the schema of a service, by default with the migrations that provisioning gives it."""

    def __call__(self, service: str, sources: Sequence[Path] | None = None) -> ServiceSchema: ...


class SchemaTemplates:
    """Template databases of a session, one for each service and its migrations."""

    def __init__(self, server: Postgres, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack
        self._made: dict[tuple[str, tuple[Path, ...]], ServiceSchema] = {}

    @contextmanager
    def copy(self, service: str, sources: Sequence[Path] | None = None) -> Iterator[ServiceSchema]:
        """A schema of one's own while the block runs."""
        template = self._template(service, tuple(migrations_of(service) if sources is None else sources))
        with database(self._server, template.database.name) as copied:
            # Rights on a database and settings of a role within one are no part of what is copied.
            _prepare(copied, template.role, template.password)
            yield ServiceSchema(copied, template.role, template.password)

    def _template(self, service: str, sources: tuple[Path, ...]) -> ServiceSchema:
        if (service, sources) not in self._made:
            made = self._stack.enter_context(database(self._server))
            schema = ServiceSchema(made, f"{service}_{secrets.token_hex(4)}", secrets.token_hex(8))
            _prepare(made, schema.role, schema.password)
            migrate(schema.dsn, schema.role, sources)
            self._made[service, sources] = schema
        return self._made[service, sources]


def migrations_of(service: str) -> list[Path]:
    """The folders of migrations that provisioning applies to the service's schema, in order."""
    return migration_folders(REPOSITORY, load_manifests(REPOSITORY).services[service])


def _prepare(made: FreshDatabase, role: str, password: str) -> None:
    with psycopg.connect(made.dsn, autocommit=True) as connection:
        prepare_role(connection, role, password)


@pytest.fixture(scope="session")
def schema_templates(postgres_server: Postgres) -> Iterator[SchemaTemplates]:
    """For fixtures that live longer than a test; a test takes `service_schema`."""
    with ExitStack() as stack:
        yield SchemaTemplates(postgres_server, stack)


@pytest.fixture
def service_schema(schema_templates: SchemaTemplates) -> Iterator[MakeSchema]:
    """Makes migrated schemas; they end with the test."""
    with ExitStack() as stack:
        yield lambda service, sources=None: stack.enter_context(schema_templates.copy(service, sources))
