"""Where each conversation stands, in Postgres. All functions run in the caller's transaction.

One turn of a conversation at a time: `claim` leases the conversation to a turn, `complete` and `release` give it back.
No transaction stays open while the model thinks; what ends a conversation meanwhile takes the lease away, and the
turn finds out when it wants to complete.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from chassis.database import Connection
from chat.errors import ConversationBusyError, ConversationEndedError


@dataclass(frozen=True, slots=True)
class Standing:
    """What the next turn goes on from; `checkpoint_id` is None for a first turn."""

    turns: int
    checkpoint_id: str | None


def claim(connection: Connection, tenant_id: str, session_id: str, lease: str, *, seconds: float) -> Standing:
    """Lease the conversation.

    Raises:
        ConversationBusyError: another turn holds it.
    """
    row = connection.execute(
        """
        INSERT INTO conversations AS c (tenant_id, session_id, lease, lease_until)
        VALUES (%(tenant)s, %(session)s, %(lease)s, clock_timestamp() + make_interval(secs => %(seconds)s))
        ON CONFLICT (tenant_id, session_id) DO UPDATE SET lease = excluded.lease, lease_until = excluded.lease_until
        WHERE c.lease IS NULL OR c.lease_until < clock_timestamp()
        RETURNING turns, checkpoint_id
        """,
        {"tenant": tenant_id, "session": session_id, "lease": lease, "seconds": seconds},
    ).fetchone()
    if row is None:
        raise ConversationBusyError(session_id)
    return Standing(row["turns"], row["checkpoint_id"])


def complete(
    connection: Connection, tenant_id: str, session_id: str, lease: str, *, turn: int, checkpoint_id: str, at: datetime
) -> None:
    """Give the lease back with a completed turn.

    Raises:
        ConversationEndedError: the lease is gone; nothing is changed.
    """
    changed = connection.execute(
        """
        UPDATE conversations SET turns = %(turn)s, checkpoint_id = %(checkpoint)s, last_turn_at = %(at)s,
            started_at = CASE WHEN %(turn)s = 1 THEN %(at)s ELSE started_at END, lease = NULL, lease_until = NULL
        WHERE tenant_id = %(tenant)s AND session_id = %(session)s AND lease = %(lease)s
        """,
        {
            "tenant": tenant_id,
            "session": session_id,
            "lease": lease,
            "turn": turn,
            "checkpoint": checkpoint_id,
            "at": at,
        },
    ).rowcount
    if not changed:
        raise ConversationEndedError(session_id)


def release(connection: Connection, tenant_id: str, session_id: str, lease: str) -> None:
    """Give the lease back, the conversation standing where it stood; nothing if it is not ours any more."""
    connection.execute(
        """
        UPDATE conversations SET lease = NULL, lease_until = NULL
        WHERE tenant_id = %s AND session_id = %s AND lease = %s
        """,
        (tenant_id, session_id, lease),
    )


def end_deleted(connection: Connection, tenant_id: str, session_id: str, deleted_at: datetime) -> bool:
    """End what began before the deletion, and the turn under way; False when there is nothing of it.

    A conversation whose first turn was completed after the deletion is a new one under the same id.
    """
    condition = sql.SQL("(started_at IS NULL OR started_at <= %(at)s)")
    return _reset(connection, tenant_id, session_id, condition, deleted_at)


def end_expired(connection: Connection, tenant_id: str, session_id: str, last_activity: datetime) -> bool:
    """End the conversation, unless there was a later turn or one is under way; False when it was not ended."""
    condition = sql.SQL("last_turn_at <= %(at)s AND (lease IS NULL OR lease_until < clock_timestamp())")
    return _reset(connection, tenant_id, session_id, condition, last_activity)


def _reset(connection: Connection, tenant_id: str, session_id: str, condition: sql.SQL, at: datetime) -> bool:
    statement = sql.SQL(
        """
        UPDATE conversations SET turns = 0, checkpoint_id = NULL, started_at = NULL, last_turn_at = NULL,
            lease = NULL, lease_until = NULL
        WHERE tenant_id = %(tenant)s AND session_id = %(session)s AND {}
        """
    ).format(condition)
    return connection.execute(statement, {"tenant": tenant_id, "session": session_id, "at": at}).rowcount == 1
