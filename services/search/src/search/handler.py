"""The Lambda entry points of the search service."""

from chassis.consumer import EventConsumer, on
from chassis.http import HttpEntry
from chassis.schedule import scheduled
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded
from contracts.ingest import ItemDeleted
from retrieval import maintain_vector_indexes
from search.api import routes
from search.bootstrap import production
from search.projection import Projection

_bootstrap = production()
_projection = Projection(_bootstrap.service)

on_events = EventConsumer(
    _bootstrap.service,
    [
        on(ItemAnalyzed, _projection.show),
        on(ItemEmbedded, _projection.place),
        on(ItemDeleted, _projection.forget),
    ],
)

api = routes(_bootstrap)
http = HttpEntry(api)
maintenance = scheduled(
    "maintenance", lambda: {"tenants": len(maintain_vector_indexes(_bootstrap.service.database.connection()))}
)
