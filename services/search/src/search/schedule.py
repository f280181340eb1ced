"""Scheduled functions."""

from typing import Any

from chassis.schedule import Entry, scheduled
from retrieval import maintain_vector_indexes
from search.bootstrap import SearchService


def maintenance(service: SearchService) -> Entry:
    """Maintain the vector indexes of tenants too large for the exact scan, and prune: this service has no relay."""

    def maintain() -> dict[str, Any]:
        service.prune()
        return {"tenants": len(maintain_vector_indexes(service.database.fresh_connection()))}

    return scheduled("maintenance", maintain)
