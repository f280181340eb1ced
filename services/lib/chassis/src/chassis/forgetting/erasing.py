"""What a service does with `tenant-forgotten`."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from chassis import erasure, forgotten
from chassis.database import Connection
from chassis.observability import hash_tenant, logger
from contracts import REGISTRY, Event, new_event
from contracts.ingest import TenantForgotten
from contracts.operations import Erased, ErasureReceipt

if TYPE_CHECKING:
    from chassis.service import Service
    from chassis.work import Complete, UnitOfWork

__all__ = ["erase", "look_again"]

#: Rows and events of one transaction.
_PAGE = 2000
#: Longer than anything runs that began before the mark: functions end after 15 minutes.
_LOOKED_AFTER = timedelta(hours=1)


def look_again(service: "Service[Any]") -> Counter[str]:
    """Erase what was still under way when a tenant was forgotten; returns how much of which store.

    Raises:
        TransientError: a store does not answer; the next run looks again.
    """
    with service.database.transaction() as connection:
        tenants = forgotten.recent(connection, _LOOKED_AFTER)
    return sum((_erase_rows(service, tenant) + service.erase_objects(tenant) for tenant in tenants), Counter())


def erase(service: "Service[Any]", erase_letters: Callable[[str], int], event: Event[TenantForgotten]) -> "Complete":
    """Erase what the service holds of the tenant; the unit of work records the receipt.

    `erase_letters` deletes the tenant's dead letters, and says how many there were.

    Raises:
        TransientError: a store does not answer; what is erased by then stays erased.
    """
    tenant = event.tenant_id
    with service.work.on(tenant, tenant, alone=True) as work:  # no other unit of work of the tenant is open
        forgotten.mark(work.connection, event)
    erased = service.erase_objects(tenant) + service.erase_items(tenant)
    settings = service.settings
    erased += Counter({"dead letters": erase_letters(tenant)}) + _erase_rows(service, tenant)

    def complete(work: "UnitOfWork") -> None:
        contract = cast("type[ErasureReceipt]", REGISTRY.contract(f"collections.{settings.service}.tenant-erased.v1"))
        stores = tuple(Erased(store=store, count=number) for store, number in sorted(erased.items()))
        work.record(new_event(contract(stores=stores), subject=tenant, tenant_id=tenant, cause=event))
        logger.info("tenant erased", extra={"tenant": hash_tenant(tenant), "stores": dict(erased)})

    return complete


def _erase_rows(service: "Service[Any]", tenant: str) -> Counter[str]:
    def page(connection: Connection) -> Counter[str]:
        events = Counter({"events": erasure.erase_tenant(connection, tenant, limit=_PAGE)})
        return events + forgotten.delete(connection, tenant, limit=_PAGE)

    return _until_none_is_left(service, page)


def _until_none_is_left(service: "Service[Any]", page: Callable[[Connection], Counter[str]]) -> Counter[str]:
    erased: Counter[str] = Counter()
    while True:
        with service.database.transaction() as connection:
            found = page(connection)
        if not found:
            return erased
        erased += found
