"""What the clock starts."""

from chassis.schedule import Entry, relay, scheduled
from chat.bootstrap import ChatService
from retrieval import maintain_vector_indexes

__all__ = ["maintenance", "relay"]


def maintenance(service: ChatService) -> Entry:
    """Vector indexes of tenants that outgrew the exact scan."""
    return scheduled(
        "maintenance", lambda: {"tenants": len(maintain_vector_indexes(service.database.fresh_connection()))}
    )
