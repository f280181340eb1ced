"""What ingest does about events: it keeps the items' state, and removes the originals of deleted ones."""

from typing import Any

from chassis.database import Connection
from chassis.objects import upload_key
from chassis.service import Service
from chassis.store import read_stream
from contracts import Contract, Event
from contracts.ingest import ItemDeleted, ItemUploaded
from ingest import items, uploads


def take_note(service: Service[Any], event: Event[Contract]) -> None:
    """Bring the state of the event's item up to date; nothing is noted of a deleted one."""
    with service.work.applying(event) as work:
        if not work.is_deleted():
            items.apply(work.connection, event)


def clear_away(service: Service[Any], event: Event[ItemDeleted]) -> None:
    """Remove what is kept of a deleted item: rows, and the original in the bucket.

    The tombstone comes first and the inbox row last: in between, the queue brings the event again, and every step
    bears repeating. Where the original lies is in the item's own stream, which outlives it.
    """
    with service.work.on(event.tenant_id, event.subject) as work:
        work.bury(event)
        stream = read_stream(work.connection, event.tenant_id, event.subject)
    originals = {told.data.key for told in stream if isinstance(told.data, ItemUploaded)}
    service.images.delete(upload_key(event.tenant_id, event.subject), *sorted(originals))
    with service.work.applying(event) as work:
        remove_rows(work.connection, event.tenant_id, event.subject)


def remove_rows(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Remove every row about the item but its events and its tombstone."""
    items.remove(connection, tenant_id, item_id)
    uploads.forget(connection, tenant_id, item_id)
