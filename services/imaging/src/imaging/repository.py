"""The SQL of this service. Every statement filters by the tenant."""

from dataclasses import dataclass

from chassis.database import Connection
from contracts import Event
from contracts.ingest import ItemUploaded, UploadRejected


@dataclass(frozen=True, slots=True)
class Original:
    """An original in the images bucket, as its upload describes it."""

    tenant_id: str
    item_id: str
    key: str
    filename: str
    original_filename: str
    sha256: str

    @classmethod
    def of(cls, event: Event[ItemUploaded]) -> "Original":
        """The original that an upload stored."""
        uploaded = event.data
        return cls(
            event.tenant_id, event.subject, uploaded.key, uploaded.filename, uploaded.original_filename, uploaded.sha256
        )


@dataclass(frozen=True, slots=True)
class Rejection:
    """The reason why an item has no original, and a sentence for the user."""

    reason: str
    detail: str


def save(connection: Connection, original: Original) -> None:
    """Store the row of an original; saving it twice changes nothing."""
    connection.execute(
        """
        INSERT INTO originals (tenant_id, item_id, key, filename, original_filename, sha256)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (tenant_id, item_id) DO UPDATE
        SET key = excluded.key, filename = excluded.filename,
            original_filename = excluded.original_filename, sha256 = excluded.sha256
        """,
        (
            original.tenant_id,
            original.item_id,
            original.key,
            original.filename,
            original.original_filename,
            original.sha256,
        ),
    )


def find(connection: Connection, tenant_id: str, item_id: str) -> Original | None:
    """The tenant's original of that item; None where there is none or it belongs to another tenant."""
    row = connection.execute(
        """
        SELECT tenant_id, item_id, key, filename, original_filename, sha256 FROM originals
        WHERE tenant_id = %s AND item_id = %s
        """,
        (tenant_id, item_id),
    ).fetchone()
    return None if row is None else Original(**row)


def reject(connection: Connection, event: Event[UploadRejected]) -> None:
    """Store why the item has no original; doing it twice changes nothing."""
    connection.execute(
        """
        INSERT INTO rejected_uploads (tenant_id, item_id, reason, detail) VALUES (%s, %s, %s, %s)
        ON CONFLICT (tenant_id, item_id) DO NOTHING
        """,
        (event.tenant_id, event.subject, event.data.reason.value, event.data.detail),
    )


def find_rejection(connection: Connection, tenant_id: str, item_id: str) -> Rejection | None:
    """Why the tenant's item has no original, if its upload was refused."""
    row = connection.execute(
        "SELECT reason, detail FROM rejected_uploads WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id)
    ).fetchone()
    return None if row is None else Rejection(**row)


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the rows of an item."""
    connection.execute("DELETE FROM originals WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
    connection.execute("DELETE FROM rejected_uploads WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
