"""What the log and the inbox of a service say about events, in pages that a function's answer has room for."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from psycopg import sql

from chassis.audit.masks import masked
from chassis.database import Connection
from chassis.observability import hash_tenant
from chassis.store import Checkpoint
from contracts import REGISTRY
from contracts.operations import ReplayReport

__all__ = ["Filter", "history", "not_applied", "recorded", "tenant_ids"]

#: Events that are looked at for one answer, which is some 1 MB when all are selected.
PAGE: Final = 5000
#: Bytes of documents in one answer, of the 6 MB that a function may return.
_ROOM: Final = 3_000_000
_hash = lru_cache(maxsize=10_000)(hash_tenant)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events; what is None does not narrow."""

    since: datetime | None = None
    tenant: str | None = None
    subjects: frozenset[str] | None = None

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "Filter":
        """That of a request."""
        since, subjects = request.get("since"), request.get("subjects")
        return cls(
            None if since is None else datetime.fromisoformat(since),
            request.get("tenant"),
            None if subjects is None else frozenset(subjects),
        )

    def selects(self, row: Mapping[str, Any]) -> bool:
        """Whether the event of the row is meant."""
        return (
            (self.since is None or row["recorded_at"] >= self.since)
            and (self.tenant is None or self.tenant in (row["tenant_id"], _hash(row["tenant_id"])))
            and (self.subjects is None or row["stream_id"] in self.subjects)
        )


def recorded(connection: Connection, after: Checkpoint, chosen: Filter) -> dict[str, Any]:
    """A page of the service's own events, of every tenant that is selected, in the order of `store.read_all`.

    Tenants that are forgotten are left out: what is left of their events says nothing, and nothing is made of it.

    An event is `[id, type, subject, tenant's hash, recorded at, outbox]`; the last is `waiting` or `parked` while it is
    not on the bus, and else empty. A page is bounded by the events that are looked at.
    """
    rows = connection.execute(
        """
        SELECT transaction_id::text AS transaction_id, position, event_id, type, tenant_id, stream_id,
               page.recorded_at, outbox.position IS NOT NULL AS is_waiting, parked_at IS NOT NULL AS is_parked,
               EXISTS (SELECT FROM forgotten_tenants AS f WHERE f.tenant_id = page.tenant_id) AS is_forgotten
        FROM (
            SELECT * FROM events
            WHERE (transaction_id, position) > (%s::text::xid8, %s)
              AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY events.transaction_id, position LIMIT %s
        ) AS page LEFT JOIN outbox USING (position)
        ORDER BY page.transaction_id, position  -- the number, not the text of the same name
        """,
        (str(after.transaction_id), after.position, PAGE),
    ).fetchall()
    reports = _reports()
    events = [
        [
            row["event_id"],
            row["type"],
            row["stream_id"],
            _hash(row["tenant_id"]),
            row["recorded_at"].isoformat(),
            "parked" if row["is_parked"] else "waiting" if row["is_waiting"] else "",
        ]
        for row in rows
        if row["type"] not in reports and not row["is_forgotten"] and chosen.selects(row)
    ]
    place = [int(rows[-1]["transaction_id"]), rows[-1]["position"]] if len(rows) == PAGE else None
    return {"events": events, "next": place}


def _reports() -> frozenset[str]:
    """Types of reports on replays: each is a message to its own service, and says nothing about a tenant."""
    return frozenset(c.event_type for c in (*REGISTRY, *REGISTRY.retired()) if issubclass(c, ReplayReport))


def not_applied(connection: Connection, keys: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Of the events with these sources and ids: those that were never applied, and those that came by replays alone."""
    missing: list[str] = []
    replayed: dict[str, list[str]] = {}
    for source, event_ids in keys.items():
        rows = connection.execute(
            """
            SELECT event_id, replays FROM unnest(%s::text[]) AS asked (event_id) CROSS JOIN LATERAL (
                SELECT array_agg(replay_id) AS replays FROM inbox
                WHERE inbox.source = %s AND inbox.event_id = asked.event_id
            ) AS deliveries
            WHERE replays IS NULL OR NOT '' = ANY(replays)
            """,
            (event_ids, source),
        )
        for row in rows:
            if row["replays"] is None:
                missing.append(row["event_id"])
            else:
                replayed[row["event_id"]] = sorted(row["replays"])
    return {"missing": missing, "replayed": replayed}


def history(
    connection: Connection, subjects: Sequence[tuple[str, str]], until: datetime, *, deletions: Collection[str]
) -> dict[str, Any]:
    """Masked documents of the own events about these subjects, up to that time; of a deleted one its deletion alone.

    `deletions` are the facts that end a subject. What one answer has no room for is in `rest`.
    """
    ids = tenant_ids(connection, ["events"], {tenant for tenant, _ in subjects})
    asked = [(ids[tenant], subject) for tenant, subject in subjects if tenant in ids]
    rows = connection.execute(
        """
        SELECT asked.tenant_id, stream_id, event
        FROM unnest(%(tenants)s::text[], %(subjects)s::text[]) WITH ORDINALITY AS asked (tenant_id, subject, place)
        JOIN events ON events.tenant_id = asked.tenant_id AND events.stream_id = asked.subject
        WHERE (event ->> 'time')::timestamptz <= %(until)s
          AND NOT EXISTS (SELECT FROM forgotten_tenants WHERE forgotten_tenants.tenant_id = events.tenant_id)
          AND (regexp_replace(type, '\\.v[0-9]+$', '') = ANY(%(deletions)s) OR NOT EXISTS (
              SELECT FROM tombstones
              WHERE tombstones.tenant_id = events.tenant_id AND tombstones.subject = events.stream_id
                AND deleted_at <= %(until)s
          ))
        ORDER BY place, position
        """,
        {
            "tenants": [tenant for tenant, _ in asked],
            "subjects": [subject for _, subject in asked],
            "until": until,
            "deletions": list(deletions),
        },
    )
    return _as_fits(rows, subjects)


def _as_fits(rows: Iterable[Mapping[str, Any]], subjects: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Documents of whole subjects until there is no room; the first subject always fits."""
    documents: list[dict[str, Any]] = []
    used, begun, current = 0, 0, None
    for row in rows:
        key = (_hash(row["tenant_id"]), row["stream_id"])
        if key != current:
            current, begun = key, len(documents)
        document = masked(row["event"], row["tenant_id"])
        used += len(json.dumps(document))
        if used > _ROOM and begun:
            return {"documents": documents[:begun], "rest": subjects[subjects.index(key) :]}
        documents.append(document)
    return {"documents": documents, "rest": []}


def tenant_ids(connection: Connection, tables: Iterable[str], hashes: Collection[str]) -> dict[str, str]:
    """The tenants' ids by their hashes, as far as these tables have rows of them; stops when all are found."""
    found: dict[str, str] = {}
    for table in tables:
        if len(found) == len(hashes):
            break
        for tenant_id in _tenants(connection, table):
            if (hashed := _hash(tenant_id)) in hashes:
                found[hashed] = tenant_id
    return found


def _tenants(connection: Connection, table: str) -> Iterator[str]:
    """Every tenant of a table that has an index which begins with the tenant: one descent of it for each."""
    query = sql.SQL(
        """
        WITH RECURSIVE tenants AS (
            (SELECT tenant_id FROM {table} ORDER BY tenant_id LIMIT 1)
            UNION ALL
            SELECT (SELECT tenant_id FROM {table} WHERE tenant_id > tenants.tenant_id ORDER BY tenant_id LIMIT 1)
            FROM tenants WHERE tenants.tenant_id IS NOT NULL
        )
        SELECT tenant_id FROM tenants WHERE tenant_id IS NOT NULL
        """
    ).format(table=sql.Identifier(table))
    return (row["tenant_id"] for row in connection.execute(query))
