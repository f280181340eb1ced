"""Lambda entry points, by the names that the manifest gives them; each is built when the runtime asks for it."""

from chassis.entry_points import EntryPoints

ENTRY_POINTS = EntryPoints(
    bootstrap="imaging.bootstrap:bootstrap",
    http="imaging.api:http",
    on_events="imaging.consumers:on_events",
    on_replays="chassis.replays:on_replays",
    relay="imaging.schedule:relay",
)
__getattr__ = ENTRY_POINTS
