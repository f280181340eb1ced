"""The vector indexes of tenants that outgrew the exact scan, by the clock."""

from chassis.schedule import scheduled
from chat.bootstrap import service
from retrieval import maintain_vector_indexes

maintenance = scheduled(
    "maintenance", lambda: {"tenants": len(maintain_vector_indexes(service.database.fresh_connection()))}
)
