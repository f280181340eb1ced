"""Brings a service's schema up to date: SQL files, in order, each once, each in a transaction of its own.

`prepare_role` is for the administrator of the database (role, schema, rights); `migrate` runs as the service's own
role, so that everything it creates belongs to the service. What was applied is in `<schema>.schema_migrations`;
`migration_status` lists what is and what is not.

MigrationError
    MigrationChangedError   a file was edited after it had been applied
    MigrationFailedError    a statement of a file failed; nothing of that file remains
    MigrationSourceError    a folder of migrations does not exist
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from chassis.errors import ChassisError
from chassis.tables import next_of, previous_of

__all__ = [
    "Migration",
    "MigrationChangedError",
    "MigrationError",
    "MigrationFailedError",
    "MigrationSourceError",
    "MigrationStatus",
    "migrate",
    "migrate_connected",
    "migration_status",
    "prepare_role",
    "wants_rebuild",
]


class MigrationError(ChassisError):
    """Base of the errors of this module."""


class MigrationChangedError(MigrationError):
    """A file was edited after it had been applied: write a new one instead."""


class MigrationFailedError(MigrationError):
    """A statement of a file failed; nothing of that file remains."""


class MigrationSourceError(MigrationError):
    """A folder of migrations does not exist."""


_REBUILD = re.compile(r"^-- rebuild: *(\w+(?: *, *\w+)*) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `name` is `<folder above migrations>/<file>`, so that two sources may both have a `0001`."""

    name: str
    statements: str

    @property
    def rebuilds(self) -> tuple[str, ...]:
        """The tables that a line `-- rebuild: documents, postings` names: their rows are to be folded again."""
        named = _REBUILD.search(self.statements)
        return tuple(name.strip() for name in named[1].split(",")) if named else ()

    @property
    def sha256(self) -> str:
        """Hash of the text, to notice edits."""
        return hashlib.sha256(self.statements.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """The migrations of a schema: names of those applied, pending, and edited since, in order."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    edited: tuple[str, ...] = ()


def migration_status(
    connection: psycopg.Connection[tuple[object, ...]] | None, schema: str, sources: Sequence[Path]
) -> MigrationStatus:
    """Compare the folders with what the schema has recorded, changing nothing; no connection means: no schema yet.

    The role needs no more than to read the record. Raises MigrationSourceError, and psycopg's own errors.
    """
    migrations = [migration for folder in sources for migration in _read(folder)]
    known = {} if connection is None else _recorded(connection, schema)
    return MigrationStatus(
        applied=tuple(each.name for each in migrations if each.name in known),
        pending=tuple(each.name for each in migrations if each.name not in known),
        edited=tuple(each.name for each in migrations if known.get(each.name, each.sha256) != each.sha256),
    )


def wants_rebuild(sources: Sequence[Path]) -> bool:
    """Whether a migration in the folders says that tables are to be rebuilt. Raises MigrationSourceError."""
    return any(migration.rebuilds for folder in sources for migration in _read(folder))


def migrate(conninfo: str, schema: str, sources: Sequence[Path]) -> list[str]:
    """Apply what is missing from the `*.sql` of each folder, in the order given; returns the names applied.

    Two runs at once wait for each other. Extensions are expected in `public`, which comes second in the search path.
    Raises the errors of this module, and psycopg's own when the server cannot be reached or refuses the role.
    """
    applied: list[str] = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        migrate_connected(connection, schema, sources, applied.append)
    return applied


def migrate_connected(
    connection: psycopg.Connection[tuple[object, ...]],
    schema: str,
    sources: Sequence[Path],
    report: Callable[[str], None],
) -> None:
    """As `migrate`, over a connection in autocommit mode that is good for nothing else: other runs wait for its end.

    `report` is called with each name once it is recorded, also with those before one that fails. A rebuild under way
    ends before, and old tables that one has left are dropped: they would not have the form of the new ones. What a
    migration wants rebuilt is noted with it (`chassis.rebuilds`), except in a schema that is made now.
    """
    migrations = [migration for folder in sources for migration in _read(folder)]
    connection.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier(schema)))
    connection.execute("SET client_min_messages = warning")
    connection.execute("SELECT pg_advisory_lock(hashtextextended('schema_migrations ' || %s, 0))", [schema])
    applied = _applied(connection, schema)
    missing: list[Migration] = []
    for migration in migrations:
        known = applied.get(migration.name)
        if known is None:
            missing.append(migration)
        elif known != migration.sha256:
            raise MigrationChangedError(
                f"{migration.name} was applied to schema {schema} and edited since: write a new file instead"
            )
    if missing:
        _end_rebuild(connection, schema)
    for migration in missing:
        _apply(connection, schema, migration, is_new=not applied)
        report(migration.name)


def prepare_role(connection: psycopg.Connection[tuple[object, ...]], name: str, password: str | None) -> None:
    """Make sure that a role and the schema it owns exist, both called `name`, in the connected database.

    Run in autocommit mode, as often as one likes, by the owner of the database: a superuser, or a role with CREATEROLE
    (in Postgres 16 or newer). With a password the role signs in with it; without one it has none (IAM authentication).
    It gets no rights on any other schema but to use `public`, and two of its own for rebuilds (`chassis.beside`).
    """
    role, database = sql.Identifier(name), sql.Identifier(connection.info.dbname)
    if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", name):
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(role))
    if password is not None:
        # The client hashes: the server's log never sees the password.
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(verifier)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
    connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, role))
    for schema in (name, next_of(name), previous_of(name)):
        if not _exists(connection, "SELECT 1 FROM pg_namespace WHERE nspname = %s", schema):
            _make_schema(connection, schema, name)
    connection.execute(
        sql.SQL("ALTER ROLE {} IN DATABASE {} SET search_path = {}, public").format(role, database, role)
    )


def _make_schema(connection: psycopg.Connection[tuple[object, ...]], schema: str, owner: str) -> None:
    """Only a member of a role may give it a schema; its creator becomes one by a grant, here for a moment.

    Only that is revoked: where both grants count as one (RDS grants them in its own name), revoking all would
    leave no role that may change it.
    """
    role = sql.Identifier(owner)
    with connection.transaction():
        cannot = _exists(connection, "SELECT 1 WHERE NOT pg_has_role(current_user, %s, 'SET')", owner)
        if cannot:
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE").format(role))
        connection.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(sql.Identifier(schema), role))
        if cannot:
            connection.execute(sql.SQL("REVOKE SET OPTION FOR {} FROM CURRENT_USER").format(role))


def _exists(connection: psycopg.Connection[tuple[object, ...]], query: LiteralString, name: str) -> bool:
    return connection.execute(query, [name]).fetchone() is not None


def _read(folder: Path) -> list[Migration]:
    if not folder.is_dir():
        raise MigrationSourceError(f"{folder} is not a folder of migrations")
    return [
        Migration(f"{folder.resolve().parent.name}/{file.name}", file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("*.sql"))
    ]


def _applied(connection: psycopg.Connection[tuple[object, ...]], schema: str) -> dict[str, str]:
    connection.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, sha256 text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        ).format(sql.Identifier(schema, "schema_migrations"))
    )
    return _recorded(connection, schema)


def _recorded(connection: psycopg.Connection[tuple[object, ...]], schema: str) -> dict[str, str]:
    table = sql.Identifier(schema, "schema_migrations")
    known = "SELECT 1 FROM pg_tables WHERE tablename = 'schema_migrations' AND schemaname = %s"
    if not _exists(connection, known, schema):
        return {}
    rows = connection.execute(sql.SQL("SELECT name, sha256 FROM {}").format(table)).fetchall()
    return {str(name): str(digest) for name, digest in rows}


def _end_rebuild(connection: psycopg.Connection[tuple[object, ...]], schema: str) -> None:
    """Drop the tables beside the live ones; what a migration wanted of a rebuild that was under way is wanted again."""
    if not _has_rebuilds(connection, schema):
        return
    with connection.transaction():
        connection.execute("LOCK TABLE projection_rebuilds IN ACCESS EXCLUSIVE MODE")
        connection.execute(
            """
            UPDATE projection_rebuilds
            SET state = CASE WHEN state = 'folding' AND cardinality(changed) > 0 THEN 'due' ELSE 'ended' END,
                kept_until = NULL, updated_at = clock_timestamp()
            WHERE state IN ('folding', 'switched')
            """
        )
        beside = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)",
            [[next_of(schema), previous_of(schema)]],
        )
        for place, table in beside.fetchall():
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(str(place), str(table))))


def _has_rebuilds(connection: psycopg.Connection[tuple[object, ...]], schema: str) -> bool:
    known = "SELECT 1 FROM pg_tables WHERE tablename = 'projection_rebuilds' AND schemaname = %s"
    return _exists(connection, known, schema)


def _want_rebuild(connection: psycopg.Connection[tuple[object, ...]], migration: Migration) -> None:
    connection.execute(
        """
        INSERT INTO projection_rebuilds (rebuild_id, state, who, why, changed, tenants)
        VALUES (%s, 'due', 'a migration', %s, %s, '{}')
        """,
        [f"due-{migration.sha256[:12]}", migration.name, list(migration.rebuilds)],
    )


def _apply(
    connection: psycopg.Connection[tuple[object, ...]], schema: str, migration: Migration, *, is_new: bool
) -> None:
    try:
        with connection.transaction():
            # Bytes: the text comes from a file of the repository and is no literal to the type checker.
            connection.execute(migration.statements.encode())
            connection.execute(
                sql.SQL("INSERT INTO {} (name, sha256) VALUES (%s, %s)").format(
                    sql.Identifier(schema, "schema_migrations")
                ),
                [migration.name, migration.sha256],
            )
            if migration.rebuilds and not is_new:
                _want_rebuild(connection, migration)
    except psycopg.Error as error:
        raise MigrationFailedError(f"{migration.name} on schema {schema}: {error}") from error
