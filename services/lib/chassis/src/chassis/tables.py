"""What each table of a service is: a log, bookkeeping, a projection or tombstones, as its migration declares it.

The declaration is the table's comment, `COMMENT ON TABLE items IS 'projection: the state of every item'`: it is
beside the table's definition, and can be queried from the database itself.

- log: the facts. Appended to, never folded.
- bookkeeping: how far work is (inbox, outbox, leases, migrations, jobs). Not facts, and not derived from events.
- projection: derived from events alone; can be emptied and folded again. Deletion erases its rows of the subject.
- tombstone: derived from events alone, and outlives the subject: ids, numbers and times of what ended, no contents.
"""

from enum import StrEnum
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from chassis.errors import UndeclaredTableError

__all__ = ["TableKind", "next_of", "previous_of", "tables_of"]


class TableKind(StrEnum):
    """What a table holds."""

    LOG = "log"
    BOOKKEEPING = "bookkeeping"
    PROJECTION = "projection"
    TOMBSTONE = "tombstone"

    @property
    def folded(self) -> bool:
        """Whether events alone make the rows."""
        return self in (TableKind.PROJECTION, TableKind.TOMBSTONE)


def next_of(schema: str) -> str:
    """The schema of the tables that a rebuild fills."""
    return f"{schema}_next"


def previous_of(schema: str) -> str:
    """The schema of the tables that were live before the switch."""
    return f"{schema}_previous"


def tables_of(connection: Connection[Any], schema: str) -> dict[str, TableKind]:
    """The schema's tables by name.

    Raises:
        UndeclaredTableError: a table's comment does not begin with one of the kinds and a colon.
    """
    rows = connection.cursor(row_factory=tuple_row).execute(
        """
        SELECT relname, obj_description(pg_class.oid, 'pg_class') FROM pg_class
        WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
        """,
        (f'"{schema}"',),
    )
    return {str(name): _kind(schema, str(name), comment) for name, comment in rows}


def _kind(schema: str, table: str, comment: str | None) -> TableKind:
    kind, colon, _ = (comment or "").partition(":")
    if not colon or kind not in set(TableKind):
        raise UndeclaredTableError(f"{schema}.{table} is not declared as one of {', '.join(TableKind)}")
    return TableKind(kind)
