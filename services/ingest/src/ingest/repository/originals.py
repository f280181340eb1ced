"""Where the originals of an item are, by its own stream, which outlives the item."""

from chassis import store
from chassis.database import Connection
from contracts.ingest import ItemUploaded


def keys_of(connection: Connection, tenant_id: str, item_id: str) -> set[str]:
    """Keys of every original that was stored for the item and recorded."""
    stream = store.read_stream(connection, tenant_id, item_id)
    return {event.data.key for event in stream if isinstance(event.data, ItemUploaded)}
