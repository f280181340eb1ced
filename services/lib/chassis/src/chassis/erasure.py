"""Erases what stored events say of a person: an event keeps its place, its type and a payload that says nothing.

Streams and their order stay, so upcasters, folds and replays read an erased event like any other. See
`contracts.erasure` for what is left of a payload.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from chassis.database import Connection
from contracts import REGISTRY
from contracts.erasure import erased

__all__ = ["erase_deleted", "erase_stream", "erase_tenant"]


def erase_stream(
    connection: Connection,
    tenant_id: str,
    stream_id: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Erase the payloads of a stream's events, of those from and up to these times; returns how many.

    The caller holds the stream's lock.
    """
    rows = connection.execute(
        """
        SELECT position, event FROM events
        WHERE tenant_id = %s AND stream_id = %s AND NOT is_erased
          AND (event ->> 'time')::timestamptz >= coalesce(%s, '-infinity'::timestamptz)
          AND (event ->> 'time')::timestamptz <= coalesce(%s, 'infinity'::timestamptz)
        """,
        (tenant_id, stream_id, since, until),
    ).fetchall()
    return _write(connection, tenant_id, rows)


def erase_tenant(connection: Connection, tenant_id: str, *, limit: int) -> int:
    """Erase the payloads of at most so many of the tenant's events; returns how many, 0 when none is left.

    Those that say that the tenant is forgotten, and what was erased, stay: they say nothing else.
    """
    rows = connection.execute(
        """
        SELECT position, event FROM events
        WHERE tenant_id = %s AND NOT is_erased AND type !~ '[.]tenant-(forgotten|erased)[.]v'
        ORDER BY stream_id, stream_version LIMIT %s FOR UPDATE
        """,
        (tenant_id, limit),
    ).fetchall()
    return _write(connection, tenant_id, rows)


def erase_deleted(connection: Connection, *, limit: int) -> int:
    """Erase the streams of subjects that were deleted before deletion erased; returns how many subjects."""
    rows = connection.execute(
        "SELECT tenant_id, subject FROM tombstones WHERE NOT is_erased LIMIT %s FOR UPDATE SKIP LOCKED", (limit,)
    ).fetchall()
    for row in rows:
        erase_stream(connection, row["tenant_id"], row["subject"])
        connection.execute(
            "UPDATE tombstones SET is_erased = true WHERE tenant_id = %s AND subject = %s",
            (row["tenant_id"], row["subject"]),
        )
    return len(rows)


def _write(connection: Connection, tenant_id: str, rows: Sequence[dict[str, Any]]) -> int:
    if not rows:
        return 0
    blank = [{"position": row["position"], "event": _erased(row["event"])} for row in rows]
    return connection.execute(
        """
        UPDATE events SET event = blank.event, is_erased = true
        FROM jsonb_to_recordset(%s) AS blank (position bigint, event jsonb)
        WHERE events.tenant_id = %s AND events.position = blank.position
        """,
        (Jsonb(blank), tenant_id),
    ).rowcount


def _erased(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "data": erased(REGISTRY.contract(document["type"]), document["data"])}
