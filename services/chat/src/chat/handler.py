"""Lambda entry points without AI SDKs (`http_handler` has the one with them); each is imported when asked for."""

from chassis.entry_points import lazy

__getattr__ = lazy(
    {
        "on_events": "chat.consumers",
        "relay": "chat.schedule",
        "maintenance": "chat.maintenance",
    }
)
