"""The Lambda entry points of the search service."""

from chassis.consumer import EventConsumer, on
from chassis.http import HttpEntry
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded
from contracts.ingest import ItemDeleted
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
