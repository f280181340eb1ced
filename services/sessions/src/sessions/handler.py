"""Lambda entry points, by the names that the manifest gives them; each is imported when the runtime asks for it."""

from chassis.entry_points import lazy

__getattr__ = lazy(
    {
        "api": "sessions.api",
        "http": "sessions.api",
        "on_events": "sessions.consumers",
        "cleanup": "sessions.schedule",
        "relay": "sessions.schedule",
    }
)
