"""What operators ask a service about forgotten tenants: `mesh forget` invokes its relay, or its maintenance."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chassis import forgotten, store

if TYPE_CHECKING:
    from chassis.service import Service

__all__ = ["answer"]


def answer(service: "Service[Any]", request: Mapping[str, Any]) -> dict[str, Any]:
    """`{"count": tenant}`: how many events and rows the service holds of the tenant, by store.

    `{"show": tenant}`: whether it has forgotten them, and the stores of its receipt once everything is erased.

    Raises:
        ValueError: the request is neither.
        TransientError: the database does not answer.
    """
    match request:
        case {"count": str(tenant)}:
            with service.database.transaction() as connection:
                return {"stores": dict(forgotten.count(connection, tenant))}
        case {"show": str(tenant)}:
            with service.database.transaction() as connection:
                is_forgotten = forgotten.is_forgotten(connection, tenant)
                stream = store.read_stream(connection, tenant, tenant)
            receipts = [event.data for event in stream if event.type.endswith(".tenant-erased.v1")]
            stores = {each["store"]: each["count"] for each in receipts[0].model_dump()["stores"]} if receipts else None
            return {"is_forgotten": is_forgotten, "stores": stores}
    raise ValueError(f"neither count nor show: {sorted(request)}")
