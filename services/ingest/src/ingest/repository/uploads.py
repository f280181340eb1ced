"""The table `uploads`: direct uploads that were asked for, until their object arrives."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.database import Connection

#: Longer than a queue keeps a message: an arrival can be delivered this late, and must still find its row.
KEPT_AFTER_EXPIRY = timedelta(days=15)
#: A transfer that began before its form expired may take this long; S3's event comes within seconds of its end.
GRACE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Upload:
    """A requested upload: its tenant, its announced properties, its correlation."""

    tenant_id: str
    item_id: str
    original_filename: str
    media_type: str
    bytes: int
    sha256: str | None
    correlation_id: str
    traceparent: str
    expires_at: datetime
    ended_at: datetime | None = None


def add(connection: Connection, upload: Upload) -> None:
    """Store a requested upload; delete those that the tenant requested long ago and never sent."""
    connection.execute(
        "DELETE FROM uploads WHERE tenant_id = %s AND ended_at IS NULL AND expires_at < now() - %s",
        (upload.tenant_id, KEPT_AFTER_EXPIRY),
    )
    connection.execute(
        """
        INSERT INTO uploads (tenant_id, item_id, original_filename, media_type, bytes, sha256, correlation_id,
                             traceparent, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            upload.tenant_id,
            upload.item_id,
            upload.original_filename,
            upload.media_type,
            upload.bytes,
            upload.sha256,
            upload.correlation_id,
            upload.traceparent,
            upload.expires_at,
        ),
    )


def find(connection: Connection, tenant_id: str, item_id: str) -> Upload | None:
    """The tenant's upload for that item id."""
    row = connection.execute(
        """
        SELECT tenant_id, item_id, original_filename, media_type, bytes, sha256, correlation_id, traceparent,
               expires_at, ended_at
        FROM uploads WHERE tenant_id = %s AND item_id = %s
        """,
        (tenant_id, item_id),
    ).fetchone()
    return None if row is None else Upload(**row)


def end(connection: Connection, tenant_id: str, item_id: str) -> None:
    """The object arrived, and became an item or was rejected."""
    connection.execute(
        "UPDATE uploads SET ended_at = now() WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id)
    )


def unseen(connection: Connection, grace: timedelta, *, limit: int) -> list[Upload]:
    """Uploads whose form expired so long ago, and whose object nobody has heard of or looked for; oldest first."""
    rows = connection.execute(
        """
        SELECT tenant_id, item_id, original_filename, media_type, bytes, sha256, correlation_id, traceparent,
               expires_at, ended_at
        FROM uploads WHERE ended_at IS NULL AND swept_at IS NULL AND expires_at < now() - %s
        ORDER BY expires_at LIMIT %s
        """,
        (grace, limit),
    )
    return [Upload(**row) for row in rows]


def mark_swept(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Its object was looked for after the form had expired, and is not there."""
    connection.execute(
        "UPDATE uploads SET swept_at = now() WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id)
    )


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the upload of an item."""
    connection.execute("DELETE FROM uploads WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
