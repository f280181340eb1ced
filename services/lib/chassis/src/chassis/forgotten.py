"""The statements about forgotten tenants: the mark that outlives them, and all rows that name them."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import LiteralString

from psycopg import sql

from chassis.database import Connection
from contracts import Contract, Event

__all__ = [
    "add_erased",
    "count",
    "count_before",
    "delete",
    "end_counting",
    "erased",
    "forgotten",
    "is_forgotten",
    "mark",
    "note_found",
    "recent",
]

#: Names of tenants stay here: in streams whose payloads are erased, in the mark itself, and beside what was erased.
_KEPT = ["events", "forgotten_tenants", "erasures"]


def is_forgotten(connection: Connection, tenant_id: str) -> bool:
    """Whether the tenant is forgotten."""
    return bool(forgotten(connection, [tenant_id]))


def forgotten(connection: Connection, tenant_ids: Collection[str]) -> set[str]:
    """Which of the tenants are forgotten."""
    rows = connection.execute(
        "SELECT tenant_id FROM forgotten_tenants WHERE tenant_id = ANY(%s)", (list(set(tenant_ids)),)
    )
    return {row["tenant_id"] for row in rows}


def mark(connection: Connection, event: Event[Contract]) -> None:
    """The event's tenant is forgotten from this transaction on; of several events the earliest counts."""
    connection.execute(
        """
        INSERT INTO forgotten_tenants AS f (tenant_id, forgotten_at) VALUES (%s, %s)
        ON CONFLICT (tenant_id) DO UPDATE SET forgotten_at = least(f.forgotten_at, excluded.forgotten_at)
        """,
        (event.tenant_id, event.time),
    )


def recent(connection: Connection, within: timedelta) -> list[str]:
    """Tenants that were forgotten so short a time ago."""
    rows = connection.execute("SELECT tenant_id FROM forgotten_tenants WHERE forgotten_at > now() - %s", (within,))
    return [row["tenant_id"] for row in rows]


def add_erased(connection: Connection, tenant_id: str, numbers: Mapping[str, int]) -> None:
    """So much of these stores is erased by this transaction."""
    _note(connection, tenant_id, numbers, "erasures.number + excluded.number")


def note_found(connection: Connection, tenant_id: str, numbers: Mapping[str, int]) -> None:
    """So much is about to be erased of stores that know no transactions. An attempt that dies leaves less to the next,
    so the most that was ever found counts."""
    _note(connection, tenant_id, numbers, "greatest(erasures.number, excluded.number)")


def count_before(connection: Connection, tenant_id: str, store: str, keys: Sequence[str]) -> None:
    """What has these keys, one or more and in order, is about to be erased: it is counted, unless an attempt that died
    has done that."""
    connection.execute(
        """
        INSERT INTO erasures (tenant_id, store, number, counted_to) VALUES (%s, %s, %s, %s)
        ON CONFLICT (tenant_id, store) DO UPDATE SET
            number = erasures.number
                + (SELECT count(*) FROM unnest(%s::text[]) AS key WHERE key COLLATE "C" > erasures.counted_to),
            counted_to = greatest(erasures.counted_to, excluded.counted_to)
        """,
        (tenant_id, store, len(keys), keys[-1], list(keys)),
    )


def end_counting(connection: Connection, tenant_id: str) -> None:
    """All that was counted before it was erased is gone; its last key is not kept."""
    connection.execute("UPDATE erasures SET counted_to = '' WHERE tenant_id = %s", (tenant_id,))


def _note(connection: Connection, tenant_id: str, numbers: Mapping[str, int], combined: LiteralString) -> None:
    statement = sql.SQL(
        """
        INSERT INTO erasures (tenant_id, store, number)
        SELECT %s, store, number FROM unnest(%s::text[], %s::bigint[]) AS given (store, number) ORDER BY store
        ON CONFLICT (tenant_id, store) DO UPDATE SET number = {}
        """
    ).format(sql.SQL(combined))
    connection.execute(statement, (tenant_id, list(numbers), list(numbers.values())))


def erased(connection: Connection, tenant_id: str) -> dict[str, int]:
    """How much of which store has been erased of the tenant, by all attempts together."""
    rows = connection.execute(
        "SELECT store, number FROM erasures WHERE tenant_id = %s AND number > 0 ORDER BY store", (tenant_id,)
    )
    return {row["store"]: row["number"] for row in rows}


def count(connection: Connection, tenant_id: str) -> Counter[str]:
    """How many events and rows of the tenant there are, by store, as receipts name them."""
    query = sql.SQL("SELECT count(*) AS number FROM {} WHERE tenant_id = %s")
    found: Counter[str] = Counter()
    for table in ["events", *_tables(connection)]:
        for row in connection.execute(query.format(sql.Identifier(table)), (tenant_id,)):
            found["events" if table == "events" else f"table {table}"] = row["number"]
    return +found


def delete(connection: Connection, tenant_id: str, *, limit: int) -> Counter[str]:
    """Delete at most so many rows of the tenant in each table; returns how many of which, nothing when none is left.

    Tables are those with a `tenant_id`, whatever they are: none can be missed. Parked events are given up.
    """
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE tenant_id = %s LIMIT %s))"
    )
    deleted = Counter(
        {
            f"table {table}": connection.execute(
                statement.format(table=sql.Identifier(table)), (tenant_id, limit)
            ).rowcount
            for table in _tables(connection)
        }
    )
    deleted["table outbox"] = connection.execute(
        """
        DELETE FROM outbox USING events
        WHERE outbox.position = events.position AND events.tenant_id = %s AND outbox.parked_at IS NOT NULL
        """,
        (tenant_id,),
    ).rowcount
    return +deleted


def _tables(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        """
        SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
          AND attname = 'tenant_id' AND relname <> ALL(%s)
        ORDER BY relname
        """,
        (_KEPT,),
    ).fetchall()
    return (row["relname"] for row in rows)
