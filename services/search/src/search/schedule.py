"""Scheduled functions."""

from typing import Any

from chassis.schedule import Entry, answering, scheduled
from retrieval import maintain_vector_indexes
from search.bootstrap import SearchService


def maintenance(service: SearchService) -> Entry:
    """Maintain the vector indexes of tenants too large for the exact scan, and prune.

    It also answers operators: this service has no relay.
    """

    def maintain() -> dict[str, Any]:
        service.prune()
        return {"tenants": len(maintain_vector_indexes(service.database.fresh_connection()))}

    return answering(service, scheduled("maintenance", maintain))
