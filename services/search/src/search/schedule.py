"""Scheduled functions."""

from chassis.schedule import Entry, scheduled
from retrieval import maintain_vector_indexes
from search.bootstrap import SearchService


def maintenance(service: SearchService) -> Entry:
    """Maintain the vector indexes of tenants too large for the exact scan."""
    return scheduled(
        "maintenance", lambda: {"tenants": len(maintain_vector_indexes(service.database.fresh_connection()))}
    )
