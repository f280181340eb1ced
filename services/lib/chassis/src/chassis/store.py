"""The event store: streams with optimistic concurrency, and a gap-safe order over all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import args_row
from pydantic_core import from_json

from chassis.beside import Beside
from chassis.bus import Wire
from chassis.database import Connection
from chassis.errors import ConcurrencyError
from contracts import REGISTRY, Contract, Event

__all__ = [
    "BEGINNING",
    "Checkpoint",
    "Recorded",
    "Stored",
    "append",
    "insert",
    "lock",
    "read_all",
    "read_bulk",
    "read_stream",
    "stream_version",
]


# Rows that cross the wire together when the store is read in bulk.
_CHUNK = 500


@dataclass(frozen=True, slots=True, order=True)
class Checkpoint:
    """A place in the total order of a store; a follower keeps it and asks for what comes after."""

    transaction_id: int = 0
    position: int = 0


BEGINNING = Checkpoint()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored event and its place."""

    checkpoint: Checkpoint
    event: Event[Contract]


class Stored(NamedTuple):
    """An event as it is stored: its place, and its wire document as JSON."""

    transaction_id: int
    position: int
    document: str

    @property
    def checkpoint(self) -> Checkpoint:
        """The place from which a reader goes on behind it."""
        return Checkpoint(self.transaction_id, self.position)

    def decoded(self) -> dict[str, Any]:
        """The wire document, of whatever major it was recorded under."""
        document: dict[str, Any] = from_json(self.document)
        return document


def append(
    connection: Connection,
    events: Sequence[Event[Contract]],
    *,
    expected_version: int | None = None,
) -> list[tuple[int, Event[Contract]]]:
    """Append events of ONE stream (tenant and subject) and put them into the outbox, in the caller's transaction.

    Returns position and event, now with its `sequence`. `expected_version` is the version the caller decided upon
    (0 for a new stream); None appends to whatever is there, which is safe while the caller holds the stream's lock.

    Raises:
        ConcurrencyError: the stream is at another version.
        EventTooLargeError: the bus could not carry an event.
        contracts.InvalidEventError: an event breaks its contract.
        contracts.NotLivingError: its contract is not registered, or retired.
    """
    if not events:
        return []
    tenant_id, stream_id = events[0].tenant_id, events[0].subject
    if any((event.tenant_id, event.subject) != (tenant_id, stream_id) for event in events):
        raise ValueError("one append writes one stream")
    version = stream_version(connection, tenant_id, stream_id) if expected_version is None else expected_version
    sequenced = [replace(event, sequence=version + step) for step, event in enumerate(events, start=1)]
    wires = []
    for event in sequenced:
        REGISTRY.admit(event)
        wires.append(Wire.of(event.to_wire()))
        wires[-1].check_size()
    try:
        positions = insert(connection, wires)
    except psycopg.errors.UniqueViolation as error:
        raise ConcurrencyError(f"stream {stream_id} is not at version {version}") from error
    return list(zip(positions, sequenced, strict=True))


def insert(connection: Connection, wires: Sequence[Wire]) -> list[int]:
    """Write the events of one stream, which have their `sequence`, and their outbox rows; returns their positions."""
    # One document, because psycopg writes an array of them element by element, at three times the cost.
    documents = f"[{','.join(wire.detail for wire in wires)}]"
    rows = connection.execute(
        """
        WITH appended AS (
            INSERT INTO events (event_id, tenant_id, stream_id, stream_version, type, event)
            SELECT event->>'id', event->>'tenantid', event->>'subject', (event->>'sequence')::int, event->>'type', event
            FROM jsonb_array_elements(%s::jsonb) AS given (event)
            RETURNING position, stream_version
        ), queued AS (
            INSERT INTO outbox (position) SELECT position FROM appended
        )
        SELECT position FROM appended ORDER BY stream_version
        """,
        (documents,),
    ).fetchall()
    return [row["position"] for row in rows]


_LOCK = """
    SELECT pg_advisory_xact_lock_shared(hashtextextended(current_schema() || '/' || %s, 0)),
           pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || %s, 0)),
           current_schema() AS schema, rebuild_id, state, tenants, subjects
    FROM (VALUES (true)) AS once LEFT JOIN projection_rebuilds ON state IN ('folding', 'switched')
"""
_LOCK_ALONE = _LOCK.replace("_shared", "")


def lock(connection: Connection, tenant_id: str, stream_id: str, *, whole_tenant: bool = False) -> Beside | None:
    """Hold the stream for the caller's transaction; waits for another that holds it.

    The tenant is held with it, together with others; with `whole_tenant` alone, once all others have ended.
    Returns the rebuild that is alive: until the transaction ends, none begins, switches or ends.
    """
    # Such locks belong to the whole database: the schema in the key keeps services apart. Having read the rebuilds, the
    # transaction holds their table too (ACCESS SHARE), which whoever changes a rebuild's state locks against everybody.
    statement = _LOCK_ALONE if whole_tenant else _LOCK
    row = connection.execute(statement, (tenant_id, f"{tenant_id}/{stream_id}")).fetchone()
    return Beside.of(row)


def stream_version(connection: Connection, tenant_id: str, stream_id: str) -> int:
    """The version of the stream's newest event, 0 when there is none."""
    row = connection.execute(
        "SELECT coalesce(max(stream_version), 0) AS version FROM events WHERE tenant_id = %s AND stream_id = %s",
        (tenant_id, stream_id),
    ).fetchone()
    return int(row["version"]) if row else 0


def read_stream(connection: Connection, tenant_id: str, stream_id: str) -> list[Event[Contract]]:
    """The stream's events, oldest first; those of older majors are upcast."""
    rows = connection.execute(
        "SELECT event FROM events WHERE tenant_id = %s AND stream_id = %s ORDER BY stream_version",
        (tenant_id, stream_id),
    )
    return [REGISTRY.read(row["event"]) for row in rows]


def read_all(connection: Connection, after: Checkpoint = BEGINNING, *, limit: int = 1000) -> list[Recorded]:
    """Events of every stream after the checkpoint, in an order that never changes and never gains a row behind.

    Events of older majors are upcast, so a replay republishes them as the current major.
    Rows of transactions that still run, and of all that began after them, stay out of sight until those end.
    """
    rows = connection.execute(
        """
        SELECT transaction_id::text AS transaction_id, position, event FROM events
        WHERE (transaction_id, position) > (%s::text::xid8, %s)
          AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY events.transaction_id, position  -- the number, not the text of the same name
        LIMIT %s
        """,
        (str(after.transaction_id), after.position, limit),
    )
    return [
        Recorded(Checkpoint(int(row["transaction_id"]), row["position"]), REGISTRY.read(row["event"])) for row in rows
    ]


def read_bulk(connection: Connection, after: Checkpoint = BEGINNING, *, limit: int = 100_000) -> Iterator[Stored]:
    """What `read_all` reads, as it is stored: neither decoded, nor upcast, nor checked, and many times as fast.

    Rows come as they are taken, so memory holds some hundreds; the connection serves nothing else meanwhile, and the
    whole must be taken within the statement time-out (20 s): go on behind the last one rather than raise `limit`.
    """
    query = """
        SELECT transaction_id::text::bigint, position, event::text FROM events
        WHERE (transaction_id, position) > (%s::text::xid8, %s)
          AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY events.transaction_id, position  -- the one that the index has, not the number of the same name
        LIMIT %s
    """
    with connection.cursor(row_factory=args_row(Stored), binary=True) as cursor:
        yield from cursor.stream(query, (str(after.transaction_id), after.position, limit), size=_CHUNK)
