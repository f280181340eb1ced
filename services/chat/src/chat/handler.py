"""Lambda entry points, by the names that the manifest gives them; each is built when the runtime asks for it."""

from chassis.entry_points import EntryPoints

ENTRY_POINTS = EntryPoints(
    bootstrap="chat.bootstrap:bootstrap",
    http="chat.api:http",
    on_events="chat.consumers:on_events",
    relay="chat.schedule:relay",
    maintenance="chat.schedule:maintenance",
)
__getattr__ = ENTRY_POINTS
