"""What is said of an item that is not there: its direct upload may still be on its way."""

from datetime import UTC, datetime

from chassis.database import Connection
from chassis.http import ProblemError, not_found, not_yet
from ingest.repository import uploads


def no_item(connection: Connection, tenant_id: str, item_id: str) -> ProblemError:
    """409 while a form that was handed out for the id may still end, 404 otherwise."""
    upload = uploads.find(connection, tenant_id, item_id)
    if upload is None or upload.ended_at is not None or upload.expires_at + uploads.GRACE < datetime.now(UTC):
        return not_found("item", item_id)
    return not_yet("item", item_id)
