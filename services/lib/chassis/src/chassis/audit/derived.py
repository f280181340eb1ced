"""Tables that no events are compared with, because nothing finds their rows by subject: what they follow from is."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from chassis.audit import folds
from chassis.audit.log import tenant_ids
from chassis.database import Connection

if TYPE_CHECKING:
    from chassis.service import Service

__all__ = ["derived"]


def derived(service: "Service[Any]", connection: Connection, tenants: Sequence[str]) -> dict[str, Any]:
    """What deviates of these tenants, by their hashes. Raises TransientError."""
    found: list[dict[str, Any]] = []
    if service.derived_tables:
        tables = [
            *(each.name for each in folds.tables(connection, service.settings.database_schema) if each.subject),
            *service.derived_tables,  # what is left there of a tenant who has nothing else
        ]
        for hashed, tenant_id in tenant_ids(connection, tables, set(tenants)).items():
            for each in service.deviations(connection, tenant_id):
                found.append({"tenant": hashed, "key": {}, **asdict(each)})
    return {"differences": found}
