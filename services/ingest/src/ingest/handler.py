"""Lambda entry points, by the names that the manifest gives them; each is imported when the runtime asks for it."""

from chassis.entry_points import lazy

ENTRY_POINTS = {
    "http": "ingest.api",
    "on_events": "ingest.consumers",
    "on_uploads": "ingest.consumers",
    "relay": "ingest.schedule",
}
__getattr__ = lazy(ENTRY_POINTS)
