"""Statistics of a user's conversations, and the record of clean-ups."""

from dataclasses import dataclass
from datetime import datetime

from chassis.database import Connection


@dataclass(frozen=True, slots=True)
class Totals:
    """A tenant's running conversations."""

    sessions: int
    messages: int


@dataclass(frozen=True, slots=True)
class LastCleanup:
    """The latest clean-up and what it ended of one tenant."""

    finished_at: datetime
    expired: int


def totals(connection: Connection, tenant_id: str, *, since: datetime) -> Totals:
    """The tenant's conversations with activity after `since`; a turn is two messages."""
    row = connection.execute(
        """
        SELECT count(*) AS sessions, 2 * coalesce(sum(turns), 0) AS messages FROM conversations
        WHERE tenant_id = %s AND last_activity > %s
        """,
        (tenant_id, since),
    ).fetchone()
    return Totals(int(row["sessions"]), int(row["messages"])) if row else Totals(0, 0)


def note_cleanup(connection: Connection, *, started_at: datetime, finished_at: datetime, expired: int) -> None:
    """Keep what a clean-up did."""
    connection.execute(
        "INSERT INTO cleanups (started_at, finished_at, expired) VALUES (%s, %s, %s)",
        (started_at, finished_at, expired),
    )


def last_cleanup(connection: Connection, tenant_id: str) -> LastCleanup | None:
    """The latest clean-up, with the count of this tenant's conversations that it ended; None before the first."""
    row = connection.execute(
        """
        SELECT finished_at, (
            SELECT count(*) FROM events
            WHERE tenant_id = %s AND type LIKE '%%.session-expired.%%'
              AND recorded_at BETWEEN started_at AND finished_at
        ) AS expired
        FROM cleanups ORDER BY started_at DESC LIMIT 1
        """,
        (tenant_id,),
    ).fetchone()
    return LastCleanup(row["finished_at"], int(row["expired"])) if row else None
