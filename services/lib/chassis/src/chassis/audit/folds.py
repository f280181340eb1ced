"""Documents folded into temporary tables that have the names of the service's own, and the rows of both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from chassis import folding
from chassis.audit.log import tenant_ids
from chassis.audit.masks import MASKS, Mask, hidden
from chassis.database import Connection
from chassis.errors import PermanentError
from chassis.observability import hash_tenant
from chassis.projections import Projections
from chassis.tables import tables_of
from contracts import REGISTRY, ContractError

__all__ = ["Subject", "Table", "count", "empty", "fold", "folded_rows", "live_rows", "subjects", "tables"]

#: The tenant's hash, and the id of an item or a conversation.
Subject = tuple[str, str]
#: Columns that have the id of what an event is about, the first that a table has.
_SUBJECTS: Final = ("subject", "item_id", "session_id", "id")
#: Subjects in one answer, which is some 1 MB.
PAGE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is folded from events. `key` are the columns of its primary key, or of a unique index.

    `subject` is None where rows cannot be found by tenant and subject: they are about the tenant, or have no index.
    """

    name: str
    key: tuple[str, ...]
    subject: str | None


def tables(connection: Connection, schema: str) -> list[Table]:
    """The tables of the schema that are folded from events."""
    kinds = tables_of(connection, schema)
    indexes: dict[str, list[list[str]]] = {}
    rows = connection.execute(
        """
        SELECT relname, (
            SELECT array_agg(attname::text ORDER BY place)
            FROM unnest(indkey::int[]) WITH ORDINALITY AS part (number, place)
            JOIN pg_attribute ON attrelid = indrelid AND attnum = number
            WHERE place <= indnkeyatts
        ) AS columns
        FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
        WHERE relnamespace = %s::regnamespace AND indisunique AND indpred IS NULL
        ORDER BY relname, indisprimary DESC, indexrelid
        """,
        (f'"{schema}"',),
    )
    for row in rows:
        indexes.setdefault(row["relname"], []).append(row["columns"])
    return [_table(name, indexes.get(name, [])) for name, kind in kinds.items() if kind.folded]


def _table(name: str, indexes: Sequence[Sequence[str]]) -> Table:
    """The subject is the column after the tenant's in a unique index."""
    after_tenant = (columns[1] for columns in indexes if len(columns) > 1 and columns[0] == "tenant_id")
    subject = next((column for column in after_tenant if column in _SUBJECTS), None)
    return Table(name, tuple(indexes[0]) if indexes else (), subject)


def fold(
    connection: Connection, projections: Projections, documents: Iterable[Mapping[str, Any]], mask: Mask
) -> list[Subject]:
    """Fold masked documents into the temporary tables; returns the subjects of those that cannot be read or folded."""
    refused: list[Subject] = []
    for document in documents:
        try:
            projections.fold(connection, REGISTRY.read(mask(document)))
        except (ContractError, PermanentError):
            refused.append((document["tenantid"], document["subject"]))
    return refused


def empty(connection: Connection, names: Iterable[str]) -> None:
    """Empty the temporary tables of these names, which are small: TRUNCATE would make new files for each."""
    for name in names:
        connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("pg_temp", name)))


def folded_rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    """All rows of the temporary table, as JSON."""
    query = sql.SQL("SELECT to_jsonb(t) AS row FROM {} AS t").format(sql.Identifier("pg_temp", table.name))
    return [row["row"] for row in connection.execute(query)]


def live_rows(
    connection: Connection, schema: str, table: Table, asked: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """The table's rows of these (tenant id, subject), as JSON, with the tenants' hashes for their ids."""
    if table.subject is None:
        return []
    query = sql.SQL(
        """
        SELECT asked.tenant_id, to_jsonb(live) AS row
        FROM unnest(%s::text[], %s::text[]) AS asked (tenant_id, subject)
        JOIN {table} AS live ON live.tenant_id = asked.tenant_id AND live.{subject} = asked.subject
        """
    ).format(table=sql.Identifier(schema, table.name), subject=sql.Identifier(table.subject))
    parameters = ([tenant for tenant, _ in asked], [subject for _, subject in asked])
    return [hidden(row["row"], row["tenant_id"]) for row in connection.execute(query, parameters)]


def count(
    connection: Connection,
    schema: str,
    projections: Projections,
    documents: Sequence[Mapping[str, Any]],
    *,
    rows: str | None = None,
) -> dict[str, Any]:
    """What these masked documents leave: `tables` has the number of rows of each that has them by subject.

    Tables without rows are left out. `rows` are those of the table of that name, by subject, where there is one.

    Raises:
        ContractError: a document is no event that this service's code can read.
        PermanentError: an event cannot be folded.
    """
    chosen = [table for table in tables(connection, schema) if table.subject is not None]
    folding.temporary_tables(connection, schema)
    for document in documents:
        projections.fold(connection, REGISTRY.read(MASKS[0](document)))
    counts: dict[str, int] = {}
    wanted: list[dict[str, Any]] = []
    for table in chosen:
        query = sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier("pg_temp", table.name))
        (row,) = connection.execute(query)
        counts[table.name] = row["n"]
        if table.name == rows:
            wanted = sorted(folded_rows(connection, table), key=lambda row: str(row[table.subject or ""]))
    return {"tables": {name: number for name, number in counts.items() if number}, "rows": wanted}


def subjects(
    connection: Connection, schema: str, after: Sequence[str] | None, *, tenant: str | None = None
) -> dict[str, Any]:
    """A page of the subjects of which the folded tables have rows, each as often as there are tables with it.

    `after` is the table, tenant's hash and subject that the page before ended with; `tenant` (an id or a hash) narrows.
    """
    named = [table for table in tables(connection, schema) if table.subject is not None]
    begun = [table for table in named if after is None or table.name >= after[0]]
    hashes = {each for each in (tenant, after[1] if after else None) if each}
    ids = tenant_ids(connection, [table.name for table in named], hashes)
    only = None if tenant is None else ids.get(tenant, tenant)
    found: list[list[str]] = []
    for table in begun:
        goes_on = after is not None and after[0] == table.name and after[1] in ids
        beyond = (ids[after[1]], after[2]) if after is not None and goes_on else ("", "")
        room = PAGE - len(found)
        rows = _subjects(connection, table, beyond, only, room)
        found += [[hash_tenant(row["tenant_id"]), row["subject"]] for row in rows]
        if len(rows) == room:
            return {"subjects": found, "next": [table.name, *found[-1]]}
    return {"subjects": found, "next": None}


def _subjects(
    connection: Connection, table: Table, after: Sequence[str], tenant: str | None, limit: int
) -> list[dict[str, Any]]:
    query = sql.SQL(
        """
        SELECT DISTINCT tenant_id, {subject} AS subject FROM {table}
        WHERE (tenant_id, {subject}) > (%s, %s) AND (%s::text IS NULL OR tenant_id = %s)
        ORDER BY tenant_id, subject LIMIT %s
        """
    ).format(subject=sql.Identifier(table.subject or ""), table=sql.Identifier(table.name))
    return connection.execute(query, (*after, tenant, tenant, limit)).fetchall()
