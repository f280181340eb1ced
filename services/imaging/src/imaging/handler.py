"""Lambda entry points, by the names that the manifest gives them; each is imported when the runtime asks for it."""

from chassis.entry_points import lazy

__getattr__ = lazy(
    {
        "api": "imaging.api",
        "http": "imaging.api",
        "on_events": "imaging.consumers",
        "relay": "imaging.schedule",
    }
)
