"""Lambda entry points, named as in the manifest; each is built on first access."""

from chassis.entry_points import EntryPoints

ENTRY_POINTS = EntryPoints(
    bootstrap="search.bootstrap:bootstrap",
    http="search.api:http",
    on_events="search.consumers:on_events",
    maintenance="search.schedule:maintenance",
)
__getattr__ = ENTRY_POINTS
