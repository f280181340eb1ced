"""What the service does by the clock."""

from chassis.schedule import scheduled
from chassis.service import Service
from retrieval import maintain_vector_indexes
from search.settings import SearchSettings

_database = Service(SearchSettings()).database

maintenance = scheduled("maintenance", lambda: {"tenants": len(maintain_vector_indexes(_database.fresh_connection()))})
