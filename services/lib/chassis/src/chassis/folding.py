"""An item's past: its events up to a moment, folded into tables that nobody else sees.

Each service folds with its own projections, into temporary tables with the names of its own: these come first in the
search path, and are gone with the transaction. What a service folds of others' events, it is given: `mesh state`
carries the events from those who recorded them. They travel without what is personal, and without the tenant's id.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import sql

from chassis.database import Connection
from chassis.observability import hash_tenant
from chassis.projections import Projections
from chassis.tables import TableKind, tables_of
from contracts import REGISTRY
from contracts.embedding import ItemEmbedded, blank_vector, with_vectors
from contracts.personal import masked

__all__ = ["fold", "history", "temporary_tables", "without_persons"]


def history(connection: Connection, subject: str, until: datetime, *, limit: int) -> list[dict[str, Any]]:
    """Wire documents of the service's own events about a subject, whatever the tenant, oldest first.

    They are `without_persons`: personal texts are `***`, a vector is a unit vector, and the tenant's id is the hash of
    it wherever it occurs.
    """
    rows = connection.execute(
        """
        SELECT tenant_id, event FROM events WHERE stream_id = %s AND (event ->> 'time')::timestamptz <= %s
        ORDER BY position LIMIT %s
        """,
        (subject, until, limit),
    )
    return [without_persons(row["event"], row["tenant_id"]) for row in rows]


def fold(
    connection: Connection, schema: str, projections: Projections, documents: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table after these events were folded into empty ones; tables without rows are left out.

    Raises:
        ContractError: a document is no event that this service's code can read.
        PermanentError: an event cannot be folded.
    """
    kinds = temporary_tables(connection, schema)
    for document in documents:
        projections.fold(connection, REGISTRY.read(document))
    folded = [table for table, kind in kinds.items() if kind in {TableKind.PROJECTION, TableKind.TOMBSTONE}]
    rows = {table: _rows(connection, table) for table in folded}
    return {table: found for table, found in rows.items() if found}


def temporary_tables(connection: Connection, schema: str) -> dict[str, TableKind]:
    """Make empty tables with the names of the schema's, which come first until the transaction ends; their kinds."""
    kinds = tables_of(connection, schema)
    for table in kinds:
        name = sql.Identifier(table)
        statement = sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING ALL EXCLUDING COMMENTS) ON COMMIT DROP")
        connection.execute(statement.format(name, sql.Identifier(schema, table)))
    return kinds


def _rows(connection: Connection, table: str) -> list[dict[str, Any]]:
    query = sql.SQL("SELECT to_jsonb(t) AS row FROM {} AS t").format(sql.Identifier("pg_temp", table))
    return [row["row"] for row in connection.execute(query)]


def without_persons(document: Mapping[str, Any], tenant_id: str) -> dict[str, Any]:
    """The wire document of an event that says nothing of a person, and can be folded like the other."""
    contract = REGISTRY.contract(document["type"])
    data = masked(contract, document["data"])
    if contract is ItemEmbedded:
        data = with_vectors(data, blank_vector(document["data"]["dimensions"]))
    written = json.dumps({**document, "data": data})
    hidden: dict[str, Any] = json.loads(written.replace(tenant_id, hash_tenant(tenant_id)))
    return hidden
