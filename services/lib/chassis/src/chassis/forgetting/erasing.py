"""What a service does with `tenant-forgotten`."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, cast

from chassis import erasure, forgotten
from chassis.errors import TransientError
from chassis.observability import hash_tenant, logger
from contracts import REGISTRY, Event, new_event
from contracts.ingest import TenantForgotten
from contracts.operations import Erased, ErasureReceipt

if TYPE_CHECKING:
    from chassis.service import Service
    from chassis.work import Complete, UnitOfWork

__all__ = ["erase", "look_again"]


class FoundLetters(Protocol):
    """Dead letters of a tenant."""

    def __len__(self) -> int:
        """How many there are."""

    def delete(self) -> None:
        """Delete them. Raises TransientError when SQS does not answer."""

    @property
    def is_all(self) -> bool:
        """Whether no letter is left that was not looked at."""


#: Finds the dead letters of a tenant.
Letters = Callable[[str], FoundLetters]
_RECEIPT = "tenant-erased.v1"
#: Rows and events of one transaction.
_PAGE = 2000
#: Longer than anything runs that began before the mark, also where the service has heard of it a day late.
_LOOKED_AFTER = timedelta(days=2)


def look_again(service: "Service[Any]") -> Counter[str]:
    """Erase what was still under way when a tenant was forgotten; returns how much of which store.

    Raises:
        TransientError: a store does not answer; the next run looks again.
    """
    with service.database.transaction() as connection:
        tenants = forgotten.recent(connection, _LOOKED_AFTER)
    return sum((_erase_rows(service, tenant) + service.erase_objects(tenant) for tenant in tenants), Counter())


def erase(service: "Service[Any]", letters: Letters, event: Event[TenantForgotten]) -> "Complete":
    """Erase what the service holds of the tenant; the unit of work records the receipt.

    The receipt counts what all attempts have erased together: rows and events in the transaction that erases them,
    objects a page at a time before it is deleted, so that however many there are each attempt gets on, and of each
    other store the most that an attempt has found. `letters` finds the tenant's dead letters; where there are more than
    one attempt can look at, the next ones go on, and the receipt says how many there were at least.

    Raises:
        TransientError: a store does not answer; what is erased by then stays erased.
    """
    tenant = event.tenant_id
    with service.work.on(tenant, tenant, alone=True) as work:  # no other unit of work of the tenant is open
        forgotten.mark(work.connection, event)
    _erase_letters(service, tenant, letters(tenant))
    items = service.count_items(tenant)
    with service.database.transaction() as connection:
        forgotten.note_found(connection, tenant, items)
    service.erase_objects(tenant, lambda keys: _count_objects(service, tenant, keys))
    with service.database.transaction() as connection:
        forgotten.end_counting(connection, tenant)
    service.erase_items(tenant)
    _erase_rows(service, tenant)

    def complete(work: "UnitOfWork") -> None:
        contract = cast("type[ErasureReceipt]", REGISTRY.contract(f"collections.{service.settings.service}.{_RECEIPT}"))
        erased = forgotten.erased(work.connection, tenant)
        stores = tuple(Erased(store=store, count=number) for store, number in erased.items())
        work.record(new_event(contract(stores=stores), subject=tenant, tenant_id=tenant, cause=event))
        logger.info("tenant erased", extra={"tenant": hash_tenant(tenant), "stores": erased})

    return complete


def _erase_letters(service: "Service[Any]", tenant: str, found: FoundLetters) -> None:
    """Delete them while they are still hidden from others.

    Raises:
        TransientError: SQS did not answer, or further letters are to be looked at, which the next attempt does.
    """
    letters = +Counter({"dead letters": len(found)})
    if found.is_all:
        with service.database.transaction() as connection:
            forgotten.note_found(connection, tenant, letters)
        found.delete()
        return
    found.delete()  # first: what is counted twice would be too much, and the receipt says "at least"
    with service.database.transaction() as connection:
        forgotten.add_erased(connection, tenant, letters)
    raise TransientError("further dead letters are to be looked at", retry_after_s=1)


def _count_objects(service: "Service[Any]", tenant: str, keys: Sequence[str]) -> None:
    with service.database.transaction() as connection:
        forgotten.count_before(connection, tenant, "objects", keys)


def _erase_rows(service: "Service[Any]", tenant: str) -> Counter[str]:
    erased: Counter[str] = Counter()
    while True:
        with service.database.transaction() as connection:
            found = +Counter({"events": erasure.erase_tenant(connection, tenant, limit=_PAGE)})
            found += forgotten.delete(connection, tenant, limit=_PAGE)
            forgotten.add_erased(connection, tenant, found)
        if not found:
            return erased
        erased += found
