"""`pictures`: the newest image-processed of each item."""

from dataclasses import dataclass
from datetime import datetime

from chassis.database import Connection
from contracts import Event
from contracts.imaging import ImageProcessed, RenditionKind


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """What is known of an item's picture."""

    tenant_id: str
    item_id: str
    filename: str
    original_filename: str
    sha256: str
    rendition_key: str
    media_type: str

    @classmethod
    def of(cls, event: Event[ImageProcessed]) -> "PictureRecord | None":
        """The picture that the event describes; None when imaging made no rendition for models."""
        data = event.data
        rendition = next((made for made in data.renditions if made.kind is RenditionKind.MODEL), None)
        if rendition is None:
            return None
        return cls(
            tenant_id=event.tenant_id,
            item_id=event.subject,
            filename=data.filename,
            original_filename=data.original_filename,
            sha256=data.sha256,
            rendition_key=rendition.key,
            media_type=rendition.media_type,
        )


def save(connection: Connection, picture: PictureRecord, processed_at: datetime) -> None:
    """Store the picture, unless a newer processing of the item is known."""
    # All columns are compared, so that of two processings of one moment the same one stays in any order.
    connection.execute(
        """
        INSERT INTO pictures AS p (tenant_id, item_id, filename, original_filename, sha256, rendition_key, media_type,
                                   processed_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (tenant_id, item_id) DO UPDATE SET
            filename = excluded.filename, original_filename = excluded.original_filename, sha256 = excluded.sha256,
            rendition_key = excluded.rendition_key, media_type = excluded.media_type,
            processed_at = excluded.processed_at
        WHERE (p.processed_at, p.filename, p.original_filename, p.sha256, p.rendition_key, p.media_type)
            < (excluded.processed_at, excluded.filename, excluded.original_filename, excluded.sha256,
               excluded.rendition_key, excluded.media_type)
        """,
        (
            picture.tenant_id,
            picture.item_id,
            picture.filename,
            picture.original_filename,
            picture.sha256,
            picture.rendition_key,
            picture.media_type,
            processed_at,
        ),
    )


def find(connection: Connection, tenant_id: str, item_id: str) -> PictureRecord | None:
    """The item's picture, if imaging has processed one."""
    row = connection.execute(
        """
        SELECT tenant_id, item_id, filename, original_filename, sha256, rendition_key, media_type FROM pictures
        WHERE tenant_id = %s AND item_id = %s
        """,
        (tenant_id, item_id),
    ).fetchone()
    return PictureRecord(**row) if row else None


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the item's picture."""
    connection.execute("DELETE FROM pictures WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
