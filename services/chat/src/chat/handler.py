"""Lambda entry points: `on_events` (queue), `relay` and `maintenance` (schedules); without AI SDKs (`http_handler`)."""

from chassis.consumer import EventConsumer, on
from chassis.schedule import relay_entry, scheduled
from chat.bootstrap import checkpoints, service
from chat.handling import Handling
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded
from contracts.ingest import ItemDeleted
from contracts.sessions import SessionDeleted, SessionExpired
from retrieval import maintain_vector_indexes

handling = Handling(service, checkpoints)

on_events = EventConsumer(
    service,
    [
        on(ItemAnalyzed, handling.add_description),
        on(ItemEmbedded, handling.add_vector),
        on(ItemDeleted, handling.remove_item),
        on(SessionDeleted, handling.end_deleted),
        on(SessionExpired, handling.end_expired),
    ],
)
relay = relay_entry(service)
maintenance = scheduled("maintenance", lambda: {"tenants": len(maintain_vector_indexes(service.database.connection()))})
