"""The agent's memory of each conversation: the current checkpoint, and the lease of the turn in progress.

One turn of a conversation at a time: `claim` leases the conversation to a turn, `complete` and `release` end the lease.
No transaction stays open during the model call; a deletion meanwhile revokes the lease, and `complete` fails.
"""

from dataclasses import dataclass
from datetime import timedelta

from chassis.database import Connection
from chassis.retention import Rule
from chat.errors import ConversationBusyError, ConversationEndedError
from chat.repository import conversations


@dataclass(frozen=True, slots=True)
class ConversationState:
    """The state that the next turn continues from; `checkpoint_id` is None for a first turn.

    A conversation whose memory `is_blank` goes on without one.
    """

    turns: int
    checkpoint_id: str | None
    is_blank: bool = False


def retention(lifetime_s: int) -> Rule:
    """Memory of that lifetime, counted from the end of the latest lease, is kept for a day longer.

    Of most conversations the end deletes it; of those that never had a turn no end tells.
    """
    return Rule("agent_memory", "lease_until", timedelta(days=1, seconds=lifetime_s))


def claim(connection: Connection, tenant_id: str, session_id: str, lease: str, *, seconds: float) -> ConversationState:
    """Lease the conversation.

    Raises:
        ConversationBusyError: another turn holds it.
    """
    row = connection.execute(
        """
        INSERT INTO agent_memory AS m (tenant_id, session_id, lease, lease_until)
        VALUES (%(tenant)s, %(session)s, %(lease)s, clock_timestamp() + make_interval(secs => %(seconds)s))
        ON CONFLICT (tenant_id, session_id) DO UPDATE SET lease = excluded.lease, lease_until = excluded.lease_until
        WHERE m.lease IS NULL OR m.lease_until < clock_timestamp()
        RETURNING checkpoint_id, is_blank
        """,
        {"tenant": tenant_id, "session": session_id, "lease": lease, "seconds": seconds},
    ).fetchone()
    if row is None:
        raise ConversationBusyError(session_id)
    turns = conversations.completed_turns(connection, tenant_id, session_id)
    return ConversationState(turns, row["checkpoint_id"] if turns else None, bool(turns) and row["is_blank"])


def complete(connection: Connection, tenant_id: str, session_id: str, lease: str, *, checkpoint_id: str) -> None:
    """End the lease and store the checkpoint of the completed turn.

    Raises:
        ConversationEndedError: the lease is gone; nothing is changed.
    """
    changed = connection.execute(
        """
        UPDATE agent_memory SET checkpoint_id = %s, lease = NULL, lease_until = clock_timestamp(), is_blank = false
        WHERE tenant_id = %s AND session_id = %s AND lease = %s
        """,
        (checkpoint_id, tenant_id, session_id, lease),
    ).rowcount
    if not changed:
        raise ConversationEndedError(session_id)


def release(connection: Connection, tenant_id: str, session_id: str, lease: str) -> None:
    """End the lease and change nothing else; no effect if it is no longer ours."""
    connection.execute(
        """
        UPDATE agent_memory SET lease = NULL, lease_until = clock_timestamp()
        WHERE tenant_id = %s AND session_id = %s AND lease = %s
        """,
        (tenant_id, session_id, lease),
    )


def delete(connection: Connection, tenant_id: str, session_id: str, *, spare_leased: bool = False) -> bool:
    """Delete pointer and lease, but with `spare_leased` not during a turn; returns whether a row was deleted."""
    deleted = connection.execute(
        """
        DELETE FROM agent_memory WHERE tenant_id = %(tenant)s AND session_id = %(session)s
        AND NOT (%(spare)s AND lease IS NOT NULL AND lease_until >= clock_timestamp())
        """,
        {"tenant": tenant_id, "session": session_id, "spare": spare_leased},
    ).rowcount
    return deleted == 1


def blank(connection: Connection, tenant_id: str, session_id: str) -> None:
    """Forget the checkpoint, and revoke the lease of a turn in progress; the conversation goes on without memory."""
    connection.execute(
        """
        UPDATE agent_memory SET checkpoint_id = NULL, lease = NULL, lease_until = clock_timestamp(), is_blank = true
        WHERE tenant_id = %s AND session_id = %s
        """,
        (tenant_id, session_id),
    )


def ids(connection: Connection, tenant_id: str) -> list[str]:
    """Every session id of the tenant under which there may be memory."""
    rows = connection.execute(
        """
        SELECT session_id FROM agent_memory WHERE tenant_id = %(tenant)s
        UNION SELECT session_id FROM conversations WHERE tenant_id = %(tenant)s
        """,
        {"tenant": tenant_id},
    )
    return [row["session_id"] for row in rows]
