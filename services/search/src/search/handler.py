"""Lambda entry points, by the names that the manifest gives them; each is imported when the runtime asks for it."""

from chassis.entry_points import lazy

__getattr__ = lazy(
    {
        "api": "search.entry",
        "http": "search.entry",
        "on_events": "search.consumers",
        "maintenance": "search.schedule",
    }
)
