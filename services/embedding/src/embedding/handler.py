"""Lambda entry points, by the names that the manifest gives them; each is built when the runtime asks for it."""

from chassis.entry_points import EntryPoints

ENTRY_POINTS = EntryPoints(
    bootstrap="embedding.bootstrap:bootstrap",
    http="embedding.api:http",
    on_events="embedding.consumers:on_events",
    on_rebuilds="embedding.consumers:on_rebuilds",
    on_replays="chassis.replays:on_replays",
    relay="embedding.schedule:relay",
)
__getattr__ = ENTRY_POINTS
