"""The inbox: which deliveries of events this service has applied. A replay counts as a delivery of its own."""

from collections.abc import Sequence

from chassis.database import Connection
from contracts import Contract, Event

__all__ = ["APPLIED", "add", "applied", "asked"]

#: OFFSET 0 keeps the planner from joining by the source alone: each key is one descent of the primary key, however many
#: deliveries the inbox holds.
APPLIED = """
    SELECT event_id, replay_id FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (source, event_id, replay_id)
    WHERE EXISTS (
        SELECT FROM inbox
        WHERE inbox.source = asked.source AND inbox.event_id = asked.event_id AND inbox.replay_id = asked.replay_id
        OFFSET 0
    )
"""


def add(connection: Connection, event: Event[Contract]) -> bool:
    """Store the delivery, in the transaction of its effects; False when it is there already."""
    row = connection.execute(
        """
        INSERT INTO inbox (source, event_id, replay_id) VALUES (%s, %s, %s)
        ON CONFLICT DO NOTHING RETURNING event_id
        """,
        (event.source, event.id, event.replay_id or ""),
    ).fetchone()
    return row is not None


def applied(connection: Connection, events: Sequence[Event[Contract]]) -> set[tuple[str, str]]:
    """Which of these deliveries are there, as (event id, replay id): one query for a whole batch."""
    rows = connection.execute(APPLIED, asked(events))
    return {(row["event_id"], row["replay_id"]) for row in rows}


def asked(events: Sequence[Event[Contract]]) -> tuple[list[str], list[str], list[str]]:
    """The parameters of `APPLIED`: the keys of these deliveries."""
    return (
        [event.source for event in events],
        [event.id for event in events],
        [event.replay_id or "" for event in events],
    )
