"""What a service keeps of a subject that is deleted: nothing in projections, and ids, numbers and times in tombstones.

Everything here is read from the schema: which tables there are and what they are (the comments of `chassis.tables`),
their columns and keys.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from chassis.service import Service
from chassis.tables import TableKind, tables_of

#: Types of columns that can hold contents.
CONTENT_TYPES = ("text", "character varying", "jsonb", "json", "bytea", "ARRAY", "USER-DEFINED")


def tables_holding(service: Service[Any], kind: TableKind, needle: str, *, dynamodb: Sequence[str] = ()) -> set[str]:
    """The tables of that kind with rows in which the text occurs, the given ones of DynamoDB among them."""
    with service.database.transaction() as connection:
        found = {table for table in _tables(service, connection, kind) if _holds(connection, table, needle)}
    return found | {table for table in dynamodb if _items_hold(service, table, needle)}


def tables_of_kind(service: Service[Any], kind: TableKind) -> set[str]:
    """The names of the service's tables of that kind."""
    with service.database.transaction() as connection:
        return set(_tables(service, connection, kind))


def tables_of_tenants(service: Service[Any]) -> set[str]:
    """Tables with one row a tenant: what they hold is the tenant's, not that of one subject."""
    query = """
        SELECT conrelid::regclass::text
          FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)
         WHERE contype = 'p' AND connamespace = current_schema()::regnamespace
         GROUP BY conrelid HAVING array_agg(attname::text) = ARRAY['tenant_id']
    """
    with service.database.transaction() as connection:
        return {str(name) for (name,) in connection.cursor(row_factory=tuple_row).execute(query)}


def content_columns(service: Service[Any], table: str) -> set[str]:
    """The table's columns that could hold contents: none of the id of tenant and subject, numbers, times and flags."""
    query = """
        SELECT column_name FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name = %s AND data_type = ANY (%s)
    """
    with service.database.transaction() as connection:
        rows = connection.cursor(row_factory=tuple_row).execute(query, (table, list(CONTENT_TYPES))).fetchall()
    return {str(name) for (name,) in rows} - {"tenant_id", "subject", "item_id", "session_id"}


def _tables(service: Service[Any], connection: psycopg.Connection[Any], kind: TableKind) -> list[str]:
    kinds = tables_of(connection, service.settings.database_schema)
    return [table for table, known in kinds.items() if known is kind]


def _holds(connection: psycopg.Connection[Any], table: str, needle: str) -> bool:
    query = sql.SQL("SELECT 1 FROM {} AS t WHERE strpos(to_jsonb(t)::text, %s) > 0 LIMIT 1")
    return connection.execute(query.format(sql.Identifier(table)), (needle,)).fetchone() is not None


def _items_hold(service: Service[Any], table: str, needle: str) -> bool:
    pages = service.aws.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return any(needle in str(item) for page in pages for item in page["Items"])
