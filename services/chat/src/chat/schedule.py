"""Scheduled functions."""

from chassis.schedule import Entry, relay, scheduled
from chat.bootstrap import ChatService

__all__ = ["maintenance", "relay"]


def maintenance(service: ChatService) -> Entry:
    """Maintain the vector indexes of tenants too large for the exact scan."""
    # Imported here: the relay does not need it.
    from retrieval import maintain_vector_indexes

    return scheduled(
        "maintenance", lambda: {"tenants": len(maintain_vector_indexes(service.database.fresh_connection()))}
    )
