"""`lag`: how long the latest turn took to arrive, of all tenants."""

from datetime import datetime

from chassis.database import Connection

#: Seconds without a turn after which nothing is known of the lag.
RECENT_S = 60


def note(connection: Connection, *, completed_at: datetime) -> None:
    """A turn that was completed then has arrived."""
    connection.execute(
        """
        INSERT INTO lag (heard_at, seconds) VALUES (now(), extract(epoch FROM now() - %s::timestamptz))
        ON CONFLICT (is_only) DO UPDATE SET heard_at = excluded.heard_at, seconds = excluded.seconds
        """,
        (completed_at,),
    )


def heard_within(connection: Connection, seconds: float) -> bool:
    """Whether any turn has arrived in these last seconds: the consumer runs, and what waits in its queue moves on."""
    row = connection.execute(
        "SELECT 1 AS heard FROM lag WHERE heard_at > now() - make_interval(secs => %s)", (seconds,)
    ).fetchone()
    return row is not None


def seconds(connection: Connection) -> float:
    """By how much turns were late lately; 0 when none arrived."""
    row = connection.execute(
        "SELECT seconds FROM lag WHERE heard_at > now() - make_interval(secs => %s)", (RECENT_S,)
    ).fetchone()
    return float(row["seconds"]) if row else 0.0
