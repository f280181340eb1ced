"""Lambda entry points, named as in the manifest; each is built on first access."""

from chassis.entry_points import EntryPoints

ENTRY_POINTS = EntryPoints(
    bootstrap="chat.bootstrap:bootstrap",
    http="chat.api:http",
    on_events="chat.consumers:on_events",
    on_replays="chassis.replays:on_replays",
    relay="chat.schedule:relay",
    maintenance="chat.schedule:maintenance",
)
__getattr__ = ENTRY_POINTS
