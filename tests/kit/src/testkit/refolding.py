"""Projections can be folded again: the same events leave the same rows, in any order, any number of times."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from chassis.service import Service
from chassis.store import read_all
from chassis.tables import tables_of
from contracts import Event
from contracts.ingest import TenantForgotten
from testkit.polling import settled

Rows = dict[str, list[str]]


def assert_refolds(
    service: Service[Any], consumed: Sequence[Event[Any]], *, dynamodb: Sequence[str] = (), seed: int = 0
) -> None:
    """Empty every projection of the service, fold its own events and the consumed ones again, and compare.

    `dynamodb` names its DynamoDB tables that are projections. The events come shuffled by the seed, each of them twice.
    The service must have had nothing but these events.
    """
    before = projected_rows(service, dynamodb)
    assert any(before.values()), "there is nothing to fold again"
    own = own_events(service)
    gone = _forgotten(service)
    empty_projections(service, dynamodb)
    assert not any(projected_rows(service, dynamodb).values())
    # Of a forgotten tenant nothing is published again, but that they are.
    events = [e for e in (*own, *consumed) if e.tenant_id not in gone or isinstance(e.data, TenantForgotten)] * 2
    random.Random(seed).shuffle(events)
    for event in events:
        with service.work.on(event.tenant_id, event.subject, alone=event.tenant_id in gone) as work:
            work.fold(event)
    assert projected_rows(service, dynamodb) == before
    assert [event.id for event in own_events(service)] == [event.id for event in own], "a fold records nothing"


def _forgotten(service: Service[Any]) -> set[str]:
    with service.database.transaction() as connection:
        return {row["tenant_id"] for row in connection.execute("SELECT tenant_id FROM forgotten_tenants")}


def own_events(service: Service[Any]) -> list[Event[Any]]:
    """Everything the service recorded, in order."""
    with service.database.transaction() as connection:
        return [recorded.event for recorded in read_all(settled(connection), limit=1_000_000)]


def projected_rows(service: Service[Any], dynamodb: Sequence[str] = ()) -> Rows:
    """The rows of every table that is folded from events, as text, sorted."""
    items = {table: _as_text(_items(service, table)) for table in dynamodb}
    with service.database.transaction() as connection:
        return items | rows_of(service, connection)


def rows_of(service: Service[Any], connection: psycopg.Connection[Any]) -> Rows:
    """As `projected_rows`, of Postgres alone, as the connection's transaction sees them."""
    return {table: _rows(connection, table) for table in _projections(service, connection)}


def empty_projections(service: Service[Any], dynamodb: Sequence[str] = ()) -> None:
    """Delete the rows of every table that is folded from events."""
    take_items(service, dynamodb)
    with service.database.transaction() as connection:
        names = sql.SQL(", ").join(map(sql.Identifier, _projections(service, connection)))
        connection.execute(sql.SQL("TRUNCATE {}").format(names))


def take_items(service: Service[Any], dynamodb: Sequence[str]) -> Rows:
    """The items of the DynamoDB tables, which are empty then."""
    taken: Rows = {}
    for number, table in enumerate(dynamodb):
        schema = service.aws.dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
        items = _items(service, table)
        for item in items:
            service.aws.dynamodb.delete_item(
                TableName=table, Key={key["AttributeName"]: item[key["AttributeName"]] for key in schema}
            )
        taken[f"dynamodb {number}"] = _as_text(items)
    return taken


def _as_text(items: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in items)


def _items(service: Service[Any], table: str) -> list[dict[str, Any]]:
    pages = service.aws.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [dict(item) for page in pages for item in page["Items"]]


def _projections(service: Service[Any], connection: psycopg.Connection[Any]) -> list[str]:
    kinds = tables_of(connection, service.settings.database_schema)
    return [table for table, kind in kinds.items() if kind.folded]


def _rows(connection: psycopg.Connection[Any], table: str) -> list[str]:
    query = sql.SQL("SELECT to_jsonb(t)::text AS row FROM {} AS t").format(sql.Identifier(table))
    return sorted(row["row"] for row in connection.cursor(row_factory=dict_row).execute(query))
