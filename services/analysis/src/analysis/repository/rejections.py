"""`rejections`: why an item has no picture."""

from dataclasses import dataclass

from chassis.database import Connection
from contracts import Event
from contracts.imaging import ImageRejected
from contracts.ingest import UploadRejected


@dataclass(frozen=True, slots=True)
class Rejection:
    """The reason, and a sentence for the user."""

    reason: str
    detail: str


def save(connection: Connection, event: Event[ImageRejected] | Event[UploadRejected]) -> None:
    """Store why the item was rejected; of several rejections the newest counts."""
    connection.execute(
        """
        INSERT INTO rejections AS r (tenant_id, item_id, reason, detail, rejected_at) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (tenant_id, item_id) DO UPDATE SET
            reason = excluded.reason, detail = excluded.detail, rejected_at = excluded.rejected_at
        WHERE (r.rejected_at, r.reason, r.detail) < (excluded.rejected_at, excluded.reason, excluded.detail)
        """,
        (event.tenant_id, event.subject, event.data.reason.value, event.data.detail, event.time),
    )


def find(connection: Connection, tenant_id: str, item_id: str) -> Rejection | None:
    """Why the tenant's item was rejected, if it was."""
    row = connection.execute(
        "SELECT reason, detail FROM rejections WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id)
    ).fetchone()
    return Rejection(**row) if row else None


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the item's rejection."""
    connection.execute("DELETE FROM rejections WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
