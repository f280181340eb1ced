"""What an environment's database lacks; read only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from chassis.migrations import MigrationStatus, migration_status
from localmesh.provision.database import migration_folders
from manifests import Manifests, Service
from mesh.db.access import Access, Connection
from mesh.db.errors import database_errors

MAINTENANCE: Final = "postgres"


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A service: whether its role and schema have to be prepared, and the status of its migrations."""

    service: str
    prepared: bool
    status: MigrationStatus


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole database; `lacking` names what would be created before any migration."""

    lacking: tuple[str, ...]
    services: tuple[ServicePlan, ...]


def make_plan(access: Access, manifests: Manifests, services: Sequence[Service], database: str) -> Plan:
    """Inspect the database. Raises DatabaseUnusableError, and MigrationSourceError when files are missing."""
    with database_errors(), access.administrator(MAINTENANCE, changing=False) as connection:
        exists = _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", database)
    if not exists:
        planned = [_unprepared(manifests, service) for service in services]
        lacking = _lacking(manifests.platform.database.extensions, planned)
        return Plan((f"database {database}", *lacking), tuple(planned))
    with database_errors(), access.administrator(database, changing=False) as connection:
        extensions = [
            name
            for name in manifests.platform.database.extensions
            if not _exists(connection, "SELECT 1 FROM pg_extension WHERE extname = %s", name)
        ]
        planned = [_plan(access, connection, manifests, service) for service in services]
    return Plan(tuple(_lacking(extensions, planned)), tuple(planned))


def _plan(access: Access, administrator: Connection, manifests: Manifests, service: Service) -> ServicePlan:
    name = service.service
    if not (
        _exists(administrator, "SELECT 1 FROM pg_roles WHERE rolname = %s", name)
        and _exists(administrator, "SELECT 1 FROM pg_namespace WHERE nspname = %s", name)
        and access.admits(administrator, name)
    ):
        return _unprepared(manifests, service)
    with access.reader(name) as connection:
        return ServicePlan(name, True, migration_status(connection, name, migration_folders(manifests.root, service)))


def _unprepared(manifests: Manifests, service: Service) -> ServicePlan:
    name = service.service
    return ServicePlan(name, False, migration_status(None, name, migration_folders(manifests.root, service)))


def _lacking(extensions: Sequence[str], planned: Sequence[ServicePlan]) -> Iterator[str]:
    yield from (f"extension {name}" for name in extensions)
    yield from (f"role and schema {each.service}" for each in planned if not each.prepared)


def _exists(connection: Connection, query: LiteralString, name: str) -> bool:
    return connection.execute(query, [name]).fetchone() is not None
