"""`leases`: items whose picture is being described at the moment."""

from chassis.database import Connection


def take(connection: Connection, tenant_id: str, item_id: str, seconds: float, *, seize: bool = False) -> bool:
    """Lease the item's picture; False when there is none, or another lease has not ended (unless seized)."""
    # The picture's row is locked: a deletion either comes first, and there is nothing to lease, or finds the lease.
    row = connection.execute(
        """
        INSERT INTO leases (tenant_id, item_id, until)
        SELECT tenant_id, item_id, now() + make_interval(secs => %s) FROM pictures
        WHERE tenant_id = %s AND item_id = %s FOR KEY SHARE
        ON CONFLICT (tenant_id, item_id) DO UPDATE SET until = excluded.until WHERE %s OR leases.until <= now()
        RETURNING item_id
        """,
        (seconds, tenant_id, item_id, seize),
    ).fetchone()
    return row is not None


def end(connection: Connection, tenant_id: str, item_id: str) -> None:
    """End the lease of the item's picture, whatever its holder."""
    connection.execute("DELETE FROM leases WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))


def is_held(connection: Connection, tenant_id: str, item_id: str) -> bool:
    """Whether the picture is being described at the moment."""
    row = connection.execute(
        "SELECT 1 FROM leases WHERE tenant_id = %s AND item_id = %s AND until > now()", (tenant_id, item_id)
    ).fetchone()
    return row is not None
