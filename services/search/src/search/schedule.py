"""What the clock starts."""

from chassis.schedule import Entry, scheduled
from retrieval import maintain_vector_indexes
from search.bootstrap import SearchService


def maintenance(service: SearchService) -> Entry:
    """Vector indexes of tenants that outgrew the exact scan."""
    return scheduled(
        "maintenance", lambda: {"tenants": len(maintain_vector_indexes(service.database.fresh_connection()))}
    )
