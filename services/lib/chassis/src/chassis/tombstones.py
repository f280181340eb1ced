"""Tombstones: subjects (items, sessions) that are deleted for good.

Events are unordered: what arrives after the deletion must find this mark.
"""

from chassis.database import Connection
from contracts import Contract, Event

__all__ = ["is_deleted", "mark_deleted"]


def is_deleted(connection: Connection, tenant_id: str, subject: str) -> bool:
    """Whether the tenant's subject carries a tombstone."""
    row = connection.execute(
        "SELECT 1 FROM tombstones WHERE tenant_id = %s AND subject = %s", (tenant_id, subject)
    ).fetchone()
    return row is not None


def mark_deleted(connection: Connection, event: Event[Contract]) -> None:
    """Put a tombstone on the subject, whose stream the caller erases; of several deletions the earliest counts."""
    connection.execute(
        """
        INSERT INTO tombstones AS t (tenant_id, subject, deleted_at, is_erased) VALUES (%s, %s, %s, true)
        ON CONFLICT (tenant_id, subject) DO UPDATE
        SET deleted_at = least(t.deleted_at, excluded.deleted_at), is_erased = true
        """,
        (event.tenant_id, event.subject, event.time),
    )
