"""The table `pending_originals`: objects that are being stored and belong to no item yet."""

from dataclasses import dataclass
from datetime import timedelta

from chassis.database import Connection


@dataclass(frozen=True, slots=True)
class Pending:
    """An original of the tenant's item to be, by its key in the bucket."""

    tenant_id: str
    item_id: str
    key: str


def remember(connection: Connection, pending: Pending) -> bool:
    """Note the object before it is stored; False while the sweep is deleting one under that key."""
    row = connection.execute(
        """
        INSERT INTO pending_originals AS p (tenant_id, item_id, key) VALUES (%s, %s, %s)
        ON CONFLICT (tenant_id, item_id, key) DO UPDATE SET put_at = excluded.put_at WHERE p.swept_at IS NULL
        RETURNING key
        """,
        (pending.tenant_id, pending.item_id, pending.key),
    ).fetchone()
    return row is not None


def strike(connection: Connection, pending: Pending) -> bool:
    """The object belongs to its item from this transaction on; False where the sweep has taken it."""
    row = connection.execute(
        """
        DELETE FROM pending_originals WHERE tenant_id = %s AND item_id = %s AND key = %s AND swept_at IS NULL
        RETURNING key
        """,
        (pending.tenant_id, pending.item_id, pending.key),
    ).fetchone()
    return row is not None


def older_than(connection: Connection, age: timedelta, *, limit: int) -> list[Pending]:
    """What has been pending for so long, oldest first."""
    rows = connection.execute(
        "SELECT tenant_id, item_id, key FROM pending_originals WHERE put_at < now() - %s ORDER BY put_at LIMIT %s",
        (age, limit),
    )
    return [Pending(**row) for row in rows]


def mark_swept(connection: Connection, pending: Pending, age: timedelta) -> bool:
    """From this transaction on nobody makes an item of it; False where somebody has, or has stored it again."""
    row = connection.execute(
        """
        UPDATE pending_originals SET swept_at = now()
        WHERE tenant_id = %s AND item_id = %s AND key = %s AND put_at < now() - %s RETURNING key
        """,
        (pending.tenant_id, pending.item_id, pending.key, age),
    ).fetchone()
    return row is not None


def delete(connection: Connection, pending: Pending) -> None:
    """Forget it: its object is gone, or is an item's."""
    connection.execute(
        "DELETE FROM pending_originals WHERE tenant_id = %s AND item_id = %s AND key = %s",
        (pending.tenant_id, pending.item_id, pending.key),
    )
