"""What the service does by the clock."""

from chassis.schedule import scheduled
from retrieval import maintain_vector_indexes
from search.bootstrap import production

_database = production().service.database

maintenance = scheduled("maintenance", lambda: {"tenants": len(maintain_vector_indexes(_database.connection()))})
