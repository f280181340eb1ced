"""Lambda entry points, by the names that the manifest gives them; each is built when the runtime asks for it."""

from chassis.entry_points import EntryPoints

ENTRY_POINTS = EntryPoints(
    bootstrap="analysis.bootstrap:bootstrap",
    http="analysis.api:http",
    on_events="analysis.consumers:on_events",
    on_replays="chassis.replays:on_replays",
    relay="analysis.schedule:relay",
)
__getattr__ = ENTRY_POINTS
