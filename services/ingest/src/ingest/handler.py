"""Lambda entry points, by the names that the manifest gives them.

Each is imported when the runtime asks for it, still while the function starts: a queue's function does not pay for the
HTTP router, nor the relay for either.
"""

from importlib import import_module
from typing import Any

_ENTRY_POINTS = {
    "http": "ingest.api",
    "on_events": "ingest.consumers",
    "on_uploads": "ingest.consumers",
    "relay": "ingest.schedule",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # entry points have nothing in common but being called
    if name not in _ENTRY_POINTS:
        raise AttributeError(name)
    return getattr(import_module(_ENTRY_POINTS[name]), name)
