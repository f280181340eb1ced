"""Lambda entry points, by the names that the manifest gives them; each is built when the runtime asks for it."""

from chassis.entry_points import EntryPoints

ENTRY_POINTS = EntryPoints(
    bootstrap="sessions.bootstrap:bootstrap",
    http="sessions.api:http",
    on_events="sessions.consumers:on_events",
    cleanup="sessions.schedule:cleanup",
    on_replays="chassis.replays:on_replays",
    relay="sessions.schedule:relay",
)
__getattr__ = ENTRY_POINTS
