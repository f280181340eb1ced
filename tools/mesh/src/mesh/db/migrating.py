"""Creates what an environment's database lacks (itself, extensions, roles, schemas), then applies migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from chassis.migrations import MigrationError, migrate_connected, migration_status
from localmesh.provision.database import create_database, migration_folders, prepare_services
from manifests import Manifests, Service
from mesh.db.access import Access
from mesh.db.errors import MigrationStoppedError, database_errors, one_line
from mesh.db.planning import MAINTENANCE


@dataclass(frozen=True, slots=True)
class Migrated:
    """The files applied to a service's schema in this run, and how many were applied before."""

    service: str
    applied: tuple[str, ...]
    already_there: int


def prepare(access: Access, manifests: Manifests, services: Sequence[Service], database: str) -> None:
    """Create the database, extensions, roles and schemas, and restore the grants; idempotent.

    Concurrent runs wait for each other. Raises DatabaseUnusableError.
    """
    passwords = access.passwords([each.service for each in services])
    with database_errors(), access.administrator(MAINTENANCE, changing=True) as connection:
        create_database(connection, database)
    with database_errors(), access.administrator(database, changing=True) as connection:
        prepare_services(connection, manifests.platform.database, passwords)
        for service in passwords:
            access.admit(connection, service)


def migrate_services(
    access: Access, manifests: Manifests, services: Sequence[Service], report: Callable[[str, str], None]
) -> Iterator[Migrated]:
    """Apply what is missing, one service after the other; `report` is called with service and file as they are
    recorded.

    A service that cannot be finished is yielded with what was applied, then MigrationStoppedError is raised; the next
    run resumes there. Raises SignInError too.
    """
    for service in services:
        name, folders = service.service, migration_folders(manifests.root, service)
        applied: list[str] = []

        def record(file: str, service: str = name, applied: list[str] = applied) -> None:
            applied.append(file)
            report(service, file)

        with access.service(name) as connection:
            before = 0
            try:
                before = len(migration_status(connection, name, folders).applied)
                migrate_connected(connection, name, folders, record)
            except (MigrationError, psycopg.Error) as error:
                yield Migrated(name, tuple(applied), before)
                raise MigrationStoppedError(one_line(error)) from error
        yield Migrated(name, tuple(applied), before)
