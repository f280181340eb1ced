"""Scaffolds: an event, the code that records it and its consumers (`mesh contracts new`); a route (`mesh new route`).

Everything is generated and checked in a copy; then all of it is written, or nothing.
"""

from registry.scaffolding.events import new_event
from registry.scaffolding.routes import new_route

__all__ = ["new_event", "new_route"]
