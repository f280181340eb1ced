"""What the clock starts."""

from chassis.schedule import Entry, relay, scheduled
from chat.bootstrap import ChatService

__all__ = ["maintenance", "relay"]


def maintenance(service: ChatService) -> Entry:
    """Vector indexes of tenants that outgrew the exact scan."""
    # Not at the top: the relay does without.
    from retrieval import maintain_vector_indexes

    return scheduled(
        "maintenance", lambda: {"tenants": len(maintain_vector_indexes(service.database.fresh_connection()))}
    )
