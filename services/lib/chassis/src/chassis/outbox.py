"""The transactional outbox: what a transaction recorded goes to the bus after it, at least once."""

from collections.abc import Sequence
from typing import Any

from chassis.bus import Bus
from chassis.database import Connection, Database
from chassis.errors import TransientError
from chassis.observability import logger

__all__ = [
    "GRACE_S",
    "delete",
    "publish",
    "relay",
    "waiting",
]

#: The relay leaves younger rows to the process that recorded them and is about to publish them.
GRACE_S = 10
_PAGE = 100


def publish(database: Database, bus: Bus, recorded: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Publish what was just committed and delete it from the outbox.

    A failure of the bus is logged and left to the relay: the facts are committed, so the work must not be repeated.
    """
    if not recorded:
        return
    try:
        accepted = bus.publish([document for _, document in recorded])
        with database.transaction() as connection:
            delete(connection, [position for (position, _), taken in zip(recorded, accepted, strict=True) if taken])
    except TransientError as error:
        logger.warning("left to the relay", extra={"events": len(recorded), "error": str(error)})


def relay(database: Database, bus: Bus, *, grace_s: float = GRACE_S) -> int:
    """Publish what a crash or a failing bus left behind, oldest first; returns how many.

    Raises:
        TransientError: the bus or the database fails; the next run goes on.
    """
    published = 0
    while True:
        with database.transaction() as connection:
            rows = waiting(connection, grace_s=grace_s, limit=_PAGE)
            accepted = bus.publish([document for _, document in rows])
            taken = [position for (position, _), ok in zip(rows, accepted, strict=True) if ok]
            delete(connection, taken)
        published += len(taken)
        if len(taken) < len(rows):
            raise TransientError(f"the bus refused {len(rows) - len(taken)} events")
        if len(rows) < _PAGE:
            return published


def waiting(connection: Connection, *, grace_s: float, limit: int) -> list[tuple[int, dict[str, Any]]]:
    """Position and document of what has waited for `grace_s` seconds, oldest first, locked for the transaction."""
    rows = connection.execute(
        """
        SELECT position, event FROM outbox JOIN events USING (position)
        WHERE outbox.recorded_at < now() - make_interval(secs => %s)
        ORDER BY position LIMIT %s FOR UPDATE OF outbox SKIP LOCKED
        """,
        (grace_s, limit),
    )
    return [(row["position"], row["event"]) for row in rows]


def delete(connection: Connection, positions: Sequence[int]) -> None:
    """Delete what the bus has accepted."""
    connection.execute("DELETE FROM outbox WHERE position = ANY(%s)", (list(positions),))
