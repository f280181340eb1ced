"""Lambda entry points, by the names that the manifest gives them; each is built when the runtime asks for it."""

from chassis.entry_points import EntryPoints

ENTRY_POINTS = EntryPoints(
    bootstrap="search.bootstrap:bootstrap",
    http="search.api:http",
    on_events="search.consumers:on_events",
    maintenance="search.schedule:maintenance",
)
__getattr__ = ENTRY_POINTS
