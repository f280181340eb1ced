"""Whether it is recorded that a tenant is forgotten."""

from chassis import store
from chassis.database import Connection
from contracts.ingest import TenantForgotten


def is_recorded(connection: Connection, tenant_id: str) -> bool:
    """Whether the tenant's own stream says so."""
    return any(isinstance(e.data, TenantForgotten) for e in store.read_stream(connection, tenant_id, tenant_id))
