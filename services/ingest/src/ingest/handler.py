"""Lambda entry points, by the names that the manifest gives them; each is built when the runtime asks for it."""

from chassis.entry_points import EntryPoints

ENTRY_POINTS = EntryPoints(
    bootstrap="ingest.bootstrap:bootstrap",
    http="ingest.api:http",
    on_events="ingest.consumers:on_events",
    on_uploads="ingest.consumers:on_uploads",
    on_replays="ingest.consumers:on_orders",
    relay="ingest.schedule:relay",
    sweep="ingest.schedule:sweep",
)
__getattr__ = ENTRY_POINTS
