"""Which conversations quote an item: those of which a turn found it or cites it, and since when."""

from collections.abc import Sequence
from datetime import datetime

from chassis.database import Connection


def add(connection: Connection, tenant_id: str, session_id: str, item_ids: Sequence[str], *, at: datetime) -> None:
    """A turn that was completed at that time quotes the items."""
    connection.execute(
        """
        INSERT INTO quotations AS q (tenant_id, item_id, session_id, since)
        SELECT %s, item_id, %s, %s FROM unnest(%s::text[]) AS quoted (item_id)
        ON CONFLICT (tenant_id, item_id, session_id) DO UPDATE SET since = least(q.since, excluded.since)
        """,
        (tenant_id, session_id, at, list(item_ids)),
    )


def of_item(connection: Connection, tenant_id: str, item_id: str) -> list[str]:
    """The sessions that quote the item."""
    rows = connection.execute(
        "SELECT session_id FROM quotations WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id)
    )
    return [row["session_id"] for row in rows]


def of_deleted_items(
    connection: Connection, tenant_id: str, session_id: str, item_ids: Sequence[str]
) -> datetime | None:
    """Since when the session quotes one of these items that is deleted; None where it quotes none."""
    row = connection.execute(
        """
        SELECT min(since) AS since FROM quotations JOIN deleted_items USING (tenant_id, item_id)
        WHERE tenant_id = %s AND session_id = %s AND item_id = ANY(%s)
        """,
        (tenant_id, session_id, list(item_ids)),
    ).fetchone()
    return row["since"] if row else None


def delete(connection: Connection, tenant_id: str, session_id: str, item_ids: Sequence[str]) -> None:
    """What the session quotes of these items is erased."""
    connection.execute(
        "DELETE FROM quotations WHERE tenant_id = %s AND session_id = %s AND item_id = ANY(%s)",
        (tenant_id, session_id, list(item_ids)),
    )
