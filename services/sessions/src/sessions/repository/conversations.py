"""Which conversations run: derived from turns and ends that may arrive in any order and more than once.

Of one session id, turns up to `ended_at` are over for good. Of the rest the conversation begins at the latest first
turn (the chat service counts 1, 2, … and begins at 1 again after an end), and all turns since then belong to it. Where
no first turn is known, it begins at the earliest, unless the user had deleted the conversation: then only a first turn
brings the id back, so that a turn that was under way during the deletion does not.

Writers hold the session's lock.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.database import Connection


@dataclass(frozen=True, slots=True)
class Conversation:
    """A running conversation."""

    opened_at: datetime
    created_at: datetime
    last_activity: datetime
    turns: int


def add_turn(
    connection: Connection, tenant_id: str, session_id: str, *, at: datetime, turn: int, asked_at: datetime
) -> bool:
    """Store the turn; False when it is over already and nothing was stored."""
    _add_row(connection, tenant_id, session_id)
    return (
        connection.execute(
            """
            INSERT INTO turns (tenant_id, session_id, at, turn, asked_at)
            SELECT tenant_id, session_id, %(at)s, %(turn)s, %(asked_at)s FROM conversations
            WHERE tenant_id = %(tenant)s AND session_id = %(session)s
              AND %(at)s > ended_at
            ON CONFLICT (tenant_id, session_id, at, turn) DO UPDATE SET asked_at = excluded.asked_at
            """,
            {"tenant": tenant_id, "session": session_id, "at": at, "turn": turn, "asked_at": asked_at},
        ).rowcount
        == 1
    )


def settle(connection: Connection, tenant_id: str, session_id: str) -> Conversation | None:
    """Derive the conversation from the turns, store it, and drop the turns before it."""
    keys = {"tenant": tenant_id, "session": session_id}
    row = connection.execute(
        """
        WITH living AS (
            SELECT at, turn, asked_at, deleted FROM turns JOIN conversations USING (tenant_id, session_id)
            WHERE tenant_id = %(tenant)s AND session_id = %(session)s AND at > ended_at
        ), beginning AS (
            SELECT coalesce(max(at) FILTER (WHERE turn = 1), min(at) FILTER (WHERE NOT deleted)) AS opened_at
            FROM living
        )
        UPDATE conversations SET (opened_at, created_at, last_activity, turns) = (
            SELECT (SELECT opened_at FROM beginning), min(asked_at), max(at), nullif(count(*), 0)
            FROM living WHERE at >= (SELECT opened_at FROM beginning)
        )
        WHERE tenant_id = %(tenant)s AND session_id = %(session)s
        RETURNING opened_at, created_at, last_activity, turns
        """,
        keys,
    ).fetchone()
    conversation = _conversation(row)
    if conversation is not None:
        connection.execute(
            "DELETE FROM turns WHERE tenant_id = %(tenant)s AND session_id = %(session)s AND at < %(opened_at)s",
            {**keys, "opened_at": conversation.opened_at},
        )
    return conversation


def running(connection: Connection, tenant_id: str, session_id: str) -> Conversation | None:
    """The conversation as last settled; None when there is none."""
    row = connection.execute(
        """
        SELECT opened_at, created_at, last_activity, turns FROM conversations
        WHERE tenant_id = %s AND session_id = %s
        """,
        (tenant_id, session_id),
    ).fetchone()
    return _conversation(row)


def turns(connection: Connection, tenant_id: str, session_id: str) -> list[tuple[datetime, int]]:
    """Time and number of every turn that is not over, also of those without a conversation."""
    rows = connection.execute(
        "SELECT at, turn FROM turns WHERE tenant_id = %s AND session_id = %s", (tenant_id, session_id)
    )
    return [(row["at"], row["turn"]) for row in rows]


def end(connection: Connection, tenant_id: str, session_id: str, *, at: datetime, deleted: bool) -> None:
    """The turns up to `at` are over, also those that have not arrived yet."""
    _add_row(connection, tenant_id, session_id)
    keys = {"tenant": tenant_id, "session": session_id, "at": at, "deleted": deleted}
    connection.execute(
        """
        UPDATE conversations SET ended_at = greatest(ended_at, %(at)s), deleted = deleted OR %(deleted)s
        WHERE tenant_id = %(tenant)s AND session_id = %(session)s
        """,
        keys,
    )
    connection.execute(
        "DELETE FROM turns WHERE tenant_id = %(tenant)s AND session_id = %(session)s AND at <= %(at)s", keys
    )


def ids(connection: Connection, tenant_id: str) -> list[str]:
    """Every session id that the tenant has ever used, as long as its row is kept."""
    rows = connection.execute("SELECT session_id FROM conversations WHERE tenant_id = %s", (tenant_id,))
    return [row["session_id"] for row in rows]


def superfluous(connection: Connection, tenant_id: str, limit: int) -> list[str]:
    """Session ids of the tenant's running conversations beyond the `limit` most recent, oldest first."""
    rows = connection.execute(
        """
        SELECT session_id FROM (
            SELECT session_id, last_activity FROM conversations
            WHERE tenant_id = %s AND last_activity IS NOT NULL
            ORDER BY last_activity DESC, session_id OFFSET %s
        ) AS superfluous ORDER BY last_activity
        """,
        (tenant_id, limit),
    )
    return [row["session_id"] for row in rows]


def idle_since(connection: Connection, before: datetime, limit: int) -> list[tuple[str, str]]:
    """(tenant, session) of conversations without activity since then, of all tenants: for the clean-up only."""
    rows = connection.execute(
        "SELECT tenant_id, session_id FROM conversations WHERE last_activity <= %s ORDER BY last_activity LIMIT %s",
        (before, limit),
    )
    return [(row["tenant_id"], row["session_id"]) for row in rows]


def _add_row(connection: Connection, tenant_id: str, session_id: str) -> None:
    connection.execute(
        "INSERT INTO conversations (tenant_id, session_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (tenant_id, session_id),
    )


def _conversation(row: dict[str, Any] | None) -> Conversation | None:
    if row is None or row["last_activity"] is None:
        return None
    return Conversation(row["opened_at"], row["created_at"], row["last_activity"], row["turns"])
