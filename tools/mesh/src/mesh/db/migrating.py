"""Gives an environment's database what it lacks: itself, extensions, roles and schemas, then migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from chassis.migrations import MigrationError, migrate_connected, migration_status
from localmesh.provision.database import make_database, migration_folders, prepare_services
from manifests import Manifests, Service
from mesh.db.access import Access
from mesh.db.errors import MigrationStoppedError, one_line, told_in_one_line
from mesh.db.planning import MAINTENANCE


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was applied to a service's schema now, and how many files were there before."""

    service: str
    applied: tuple[str, ...]
    already_there: int


def prepare(access: Access, manifests: Manifests, services: Sequence[Service], database: str) -> None:
    """Make the database, extensions, roles and schemas, and mend the rights, as often as one likes.

    Two runs at once wait for each other. Raises DatabaseUnusableError.
    """
    passwords = access.passwords([each.service for each in services])
    with told_in_one_line(), access.administrator(MAINTENANCE, changing=True) as connection:
        make_database(connection, database)
    with told_in_one_line(), access.administrator(database, changing=True) as connection:
        prepare_services(connection, manifests.platform.database, passwords)
        for service in passwords:
            access.admit(connection, service)


def migrate_services(
    access: Access, manifests: Manifests, services: Sequence[Service], report: Callable[[str, str], None]
) -> Iterator[Migrated]:
    """Apply what is missing, one service after the other; `report` hears of service and file as they are recorded.

    A service that cannot be finished is told as far as it came, then MigrationStoppedError is raised: the next run goes
    on from there. Raises SignInError too.
    """
    for service in services:
        name, folders = service.service, migration_folders(manifests.root, service)
        applied: list[str] = []

        def tell(file: str, service: str = name, applied: list[str] = applied) -> None:
            applied.append(file)
            report(service, file)

        with access.service(name) as connection:
            before = 0
            try:
                before = len(migration_status(connection, name, folders).applied)
                migrate_connected(connection, name, folders, tell)
            except (MigrationError, psycopg.Error) as error:
                yield Migrated(name, tuple(applied), before)
                raise MigrationStoppedError(one_line(error)) from error
        yield Migrated(name, tuple(applied), before)
