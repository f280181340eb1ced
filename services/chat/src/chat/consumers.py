"""What the service hears."""

from chassis.consumer import EventConsumer, on
from chat.bootstrap import checkpoints, service
from chat.handling import Handling
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded
from contracts.ingest import ItemDeleted
from contracts.sessions import SessionDeleted, SessionExpired

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
