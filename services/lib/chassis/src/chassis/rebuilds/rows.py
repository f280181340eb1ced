"""The books of rebuilds: what was ordered, and how far each is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chassis.beside import FOLDING, SWITCHED
from chassis.database import Connection
from chassis.store import BEGINNING, Checkpoint

__all__ = [
    "CANCELLED", "DUE", "ENDED", "ROLLED_BACK",
    "Rebuild", "add", "alive", "applied", "due", "find", "hold", "latest", "past", "save", "turn",
]  # fmt: skip

#: The other states: a migration asks for it; it ended without a switch; the old tables are live again, or dropped.
DUE, CANCELLED, ROLLED_BACK, ENDED = "due", "cancelled", "rolled-back", "ended"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """One rebuild; `changed` are tables whose rows are expected to differ; `tenants` and `subjects` (ids of items or
    conversations) narrow it, none are all.

    Own events of transactions before `until` are folded from the store, `folded` so far; later ones are folded live.
    """

    id: str
    state: str
    who: str
    why: str
    changed: tuple[str, ...]
    tenants: tuple[str, ...]
    until: int
    requested_at: datetime
    subjects: tuple[str, ...] = ()
    checkpoint: Checkpoint = BEGINNING
    folded: int = 0
    is_own_done: bool = False
    failure: str | None = None
    kept_until: datetime | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Rebuild":
        """That of a row."""
        same = ("state", "who", "why", "requested_at", "folded", "is_own_done", "failure", "kept_until")
        return cls(
            id=row["rebuild_id"],
            changed=tuple(row["changed"]),
            tenants=tuple(row["tenants"]),
            subjects=tuple(row["subjects"]),
            until=int(row["until"]),
            checkpoint=Checkpoint(int(row["transaction_id"]), row["position"]),
            **{name: row[name] for name in same},
        )


#: Milliseconds. A reader or a unit of work that takes longer is let go first: others wait behind us meanwhile.
_WAIT_MS = 250


def hold(connection: Connection) -> None:
    """Wait until no unit of work runs, and let none begin before the transaction ends.

    Raises:
        psycopg.errors.LockNotAvailable: one did not end in time; neither will later locks of the transaction wait long.
    """
    connection.execute(f"SET LOCAL lock_timeout = {_WAIT_MS}")
    connection.execute("LOCK TABLE projection_rebuilds IN ACCESS EXCLUSIVE MODE")


def add(connection: Connection, rebuild: Rebuild, *, keep: timedelta) -> None:
    """Begin it; what migrations asked for is part of it."""
    connection.execute("DELETE FROM projection_rebuilds WHERE state = %s", (DUE,))
    connection.execute(
        """
        INSERT INTO projection_rebuilds
               (rebuild_id, state, who, why, changed, tenants, subjects, until, requested_at, kept_until)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s::text::xid8, %s, now() + %s)
        """,
        (
            rebuild.id,
            rebuild.state,
            rebuild.who,
            rebuild.why,
            list(rebuild.changed),
            list(rebuild.tenants),
            list(rebuild.subjects),
            str(rebuild.until),
            rebuild.requested_at,
            keep,
        ),
    )


def alive(connection: Connection) -> Rebuild | None:
    """The rebuild with tables beside the live ones."""
    states = [FOLDING, SWITCHED]
    row = connection.execute("SELECT * FROM projection_rebuilds WHERE state = ANY(%s)", (states,)).fetchone()
    return Rebuild.of(row) if row else None


def find(connection: Connection, rebuild_id: str) -> Rebuild | None:
    """The rebuild of that id."""
    row = connection.execute("SELECT * FROM projection_rebuilds WHERE rebuild_id = %s", (rebuild_id,)).fetchone()
    return Rebuild.of(row) if row else None


def latest(connection: Connection, *, limit: int) -> list[Rebuild]:
    """The rebuilds that were ordered last, the newest first."""
    rows = connection.execute("SELECT * FROM projection_rebuilds ORDER BY requested_at DESC LIMIT %s", (limit,))
    return [Rebuild.of(row) for row in rows]


def due(connection: Connection) -> tuple[str, ...]:
    """The tables whose rows migrations have changed the meaning of, in alphabetical order."""
    rows = connection.execute(
        "SELECT DISTINCT unnest(changed) AS name FROM projection_rebuilds WHERE state = %s", (DUE,)
    )
    return tuple(sorted(row["name"] for row in rows))


def save(connection: Connection, rebuild_id: str, checkpoint: Checkpoint, *, folded: int, is_done: bool) -> None:
    """Note how far the fold of the service's own events is; `folded` more."""
    connection.execute(
        """
        UPDATE projection_rebuilds SET transaction_id = %s::text::xid8, position = %s, folded = folded + %s,
               is_own_done = is_own_done OR %s, updated_at = clock_timestamp()
        WHERE rebuild_id = %s
        """,
        (str(checkpoint.transaction_id), checkpoint.position, folded, is_done, rebuild_id),
    )


def turn(connection: Connection, rebuild_id: str, state: str, *, keep: timedelta | None = None) -> None:
    """Let it be in that state; `keep` is for how long there are tables beside the live ones."""
    connection.execute(
        """
        UPDATE projection_rebuilds SET state = %s, kept_until = now() + %s, updated_at = clock_timestamp()
        WHERE rebuild_id = %s
        """,
        (state, keep, rebuild_id),
    )


def past(connection: Connection) -> Rebuild | None:
    """The rebuild whose tables beside the live ones have been kept for long enough."""
    found = alive(connection)
    (row,) = connection.execute("SELECT clock_timestamp() AS now")
    return found if found and found.kept_until and found.kept_until <= row["now"] else None


def applied(connection: Connection, rebuild_id: str) -> int:
    """How many replayed events have been folded into the tables beside."""
    (row,) = connection.execute("SELECT count(*) AS number FROM inbox WHERE replay_id = %s", (rebuild_id,))
    return int(row["number"])
