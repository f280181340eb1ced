"""The state of each conversation. Whatever the order of the events, each column holds the latest value.

Whether a conversation is active is derived when it is read: it is not if it was deleted after its first turn, or
expired at its latest turn. A first turn after that starts a new conversation under the same id.
"""

from datetime import datetime

from chassis.database import Connection


def turn_completed(connection: Connection, tenant_id: str, session_id: str, *, turn: int, at: datetime) -> None:
    """Record a turn; the latest wins."""
    connection.execute(
        """
        INSERT INTO conversations AS c (tenant_id, session_id, turns, started_at, last_turn_at)
        VALUES (%(tenant)s, %(session)s, %(turn)s, CASE WHEN %(turn)s = 1 THEN %(at)s::timestamptz END, %(at)s)
        ON CONFLICT (tenant_id, session_id) DO UPDATE SET
            turns = CASE WHEN (c.last_turn_at, c.turns) > (excluded.last_turn_at, excluded.turns)
                         THEN c.turns ELSE excluded.turns END,
            started_at = greatest(c.started_at, excluded.started_at),
            last_turn_at = greatest(c.last_turn_at, excluded.last_turn_at)
        """,
        {"tenant": tenant_id, "session": session_id, "turn": turn, "at": at},
    )


def deleted(connection: Connection, tenant_id: str, session_id: str, *, at: datetime) -> None:
    """Record a deletion: conversations started until then have ended."""
    connection.execute(
        """
        INSERT INTO conversations AS c (tenant_id, session_id, deleted_at) VALUES (%s, %s, %s)
        ON CONFLICT (tenant_id, session_id) DO UPDATE SET deleted_at = greatest(c.deleted_at, excluded.deleted_at)
        """,
        (tenant_id, session_id, at),
    )


def expired(connection: Connection, tenant_id: str, session_id: str, *, last_turn_at: datetime) -> None:
    """Record an expiry; without effect if the conversation was continued after that turn."""
    connection.execute(
        """
        INSERT INTO conversations AS c (tenant_id, session_id, expired_at) VALUES (%s, %s, %s)
        ON CONFLICT (tenant_id, session_id) DO UPDATE SET expired_at = greatest(c.expired_at, excluded.expired_at)
        """,
        (tenant_id, session_id, last_turn_at),
    )


def completed_turns(connection: Connection, tenant_id: str, session_id: str) -> int:
    """The number of turns of the active conversation; 0 where there is none."""
    row = connection.execute(
        """
        SELECT turns FROM conversations
        WHERE tenant_id = %s AND session_id = %s AND last_turn_at IS NOT NULL
          AND (deleted_at IS NULL OR started_at > deleted_at) AND (expired_at IS NULL OR last_turn_at > expired_at)
        """,
        (tenant_id, session_id),
    ).fetchone()
    return 0 if row is None else int(row["turns"])
