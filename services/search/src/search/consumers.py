"""What the service hears."""

from chassis.consumer import EventConsumer, on
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded
from contracts.ingest import ItemDeleted
from search.bootstrap import production
from search.projection import Projection

_projection = Projection(production().service)

on_events = EventConsumer(
    production().service,
    [
        on(ItemAnalyzed, _projection.show),
        on(ItemEmbedded, _projection.place),
        on(ItemDeleted, _projection.forget),
    ],
)
