"""Scheduled functions."""

from typing import Any

from chassis.schedule import Entry, answering, relayed, scheduled
from retrieval import maintain_vector_indexes
from search.bootstrap import SearchService


def maintenance(service: SearchService) -> Entry:
    """Maintain the vector indexes of tenants too large for the exact scan, publish what a crash left, and prune.

    It also answers operators: this service has no relay, since it records receipts of erasure and nothing else.
    """

    def maintain() -> dict[str, Any]:
        relayed(service)
        return {"tenants": len(maintain_vector_indexes(service.database.fresh_connection()))}

    return answering(service, scheduled("maintenance", maintain))
