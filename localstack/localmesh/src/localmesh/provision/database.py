"""The database: one role and schema a service, and the migrations of each.

`create_database`, `prepare_services` and `migration_folders` need no mesh: they work on any database.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from chassis.migrations import migrate, prepare_role
from chassis.tables import next_of, previous_of
from localmesh.provision.context import Action, Context, in_parallel
from manifests import Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from manifests.platform import Database

_PASSWORDS = "database-passwords.json"
_CHASSIS = "services/lib/chassis/migrations"
_RETRIEVAL = "services/lib/retrieval/migrations"


def role_passwords(context: Context) -> dict[str, str]:
    """The password of each service's role: generated once, kept in the state folder, readable by the owner only."""
    return ensure_passwords(context.settings.paths.root, [service.service for service in _services(context)])


def known_passwords(state: Path) -> dict[str, str]:
    """The passwords generated so far, by role."""
    file = state / _PASSWORDS
    passwords: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return passwords


def ensure_passwords(state: Path, roles: Iterable[str]) -> dict[str, str]:
    """The passwords of all roles in that state folder; missing ones are generated."""
    wanted, passwords = list(roles), known_passwords(state)
    if all(role in passwords for role in wanted):
        return passwords
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone_in(state):
        passwords = known_passwords(state)
        passwords |= {role: secrets.token_urlsafe(24) for role in wanted if role not in passwords}
        file = state / _PASSWORDS
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(passwords, indent=2), encoding="utf-8")
        fresh.replace(file)
    return passwords


def provision_database(context: Context, passwords: dict[str, str]) -> None:
    """Create missing databases, extensions, roles and schemas, then migrate every schema."""
    database = context.manifests.platform.database
    unready = [service for service in _services(context) if not _ready(context, service.service, passwords)]
    if unready:
        with psycopg.connect(context.settings.postgres_dsn(), autocommit=True) as connection:
            if create_database(connection, database.name):
                context.note("database", database.name, Action.CREATED)
        with psycopg.connect(context.settings.postgres_dsn(database.name), autocommit=True) as connection:
            prepare_services(connection, database, {each.service: passwords[each.service] for each in unready})
        for service in unready:
            context.note("role and schema", service.service, Action.CREATED)
    in_parallel(lambda service: _migrate(context, service, passwords[service.service]), _services(context))


def create_database(connection: psycopg.Connection[tuple[object, ...]], name: str) -> bool:
    """Create the database unless it exists; returns whether it was created. Needs autocommit mode."""
    _take_turns(connection)
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None:
        return False
    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return True


def prepare_services(
    connection: psycopg.Connection[tuple[object, ...]], database: Database, passwords: Mapping[str, str | None]
) -> None:
    """Create the extensions, and a role and schema for each service; a role without a password gets none.

    Idempotent. Needs autocommit mode and the owner of the connected database.
    """
    connection.execute("SET client_min_messages = warning")
    _take_turns(connection)
    for extension in database.extensions:
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA public").format(sql.Identifier(extension)))
    for service, password in passwords.items():
        prepare_role(connection, service, password)


def migration_folders(root: Path, service: Service) -> list[Path]:
    """The migration folders of a service, in order; the service itself may have none yet."""
    own = root / "services" / service.service / "migrations"
    shared = [root / _CHASSIS, *([root / _RETRIEVAL] if service.retrieval else [])]
    return [*shared, *([own] if own.is_dir() else [])]


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on the folder; the system releases it when the process dies."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _services(context: Context) -> Iterable[Service]:
    return [service for service in context.manifests.services.values() if service.database]


def _dsn(context: Context, service: str, password: str) -> str:
    return context.settings.postgres_dsn(context.manifests.platform.database.name, service, password)


def _ready(context: Context, service: str, passwords: dict[str, str]) -> bool:
    """Whether the role can log in with its password, has its own schema on the search path, and those for rebuilds."""
    try:
        with psycopg.connect(_dsn(context, service, passwords[service]), connect_timeout=5) as connection:
            found = connection.execute(
                "SELECT current_schema(), to_regnamespace(%s) IS NOT NULL AND to_regnamespace(%s) IS NOT NULL",
                [next_of(service), previous_of(service)],
            )
            return found.fetchone() == (service, True)
    except psycopg.OperationalError:
        return False


def _take_turns(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Wait until no other run prepares the same database; our turn ends with the connection."""
    connection.execute("SELECT pg_advisory_lock(hashtextextended('prepare services', 0))")


def _migrate(context: Context, service: Service, password: str) -> None:
    folders = migration_folders(context.manifests.root, service)
    for name in migrate(_dsn(context, service.service, password), service.service, folders):
        context.note("migration", f"{service.service}: {name}", Action.CREATED)
