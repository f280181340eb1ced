"""A service in memory forgets a tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from chassis import store
from chassis.queue import EventConsumer
from contracts import Event, new_event
from contracts.ingest import ForgottenBy, TenantForgotten
from contracts.operations import ErasureReceipt
from testkit.invoking import deliver

if TYPE_CHECKING:
    from testkit.fakes import Fakes


def forgotten(tenant: str) -> Event[TenantForgotten]:
    """The fact that the tenant is forgotten."""
    return new_event(TenantForgotten(by=ForgottenBy.TENANT), subject=tenant, tenant_id=tenant)


def assert_forgets(fakes: Fakes, entry: EventConsumer, tenant: str, *stored: Event[Any]) -> dict[str, int]:
    """The consumer erases these events of the tenant, once; returns what its receipt says."""
    for event in stored:
        with entry.service.work.on(tenant, event.subject) as work:
            store.append(work.connection, [event])
    fact = forgotten(tenant)
    assert deliver(entry, fact, fact) == []
    assert fakes.erasure.erased >= {event.id for event in stored}
    receipts = [event for event in fakes.store.events if event.type.endswith(".tenant-erased.v1")]
    assert [(each.tenant_id, each.subject, each.causation_id) for each in receipts] == [(tenant, tenant, fact.id)]
    assert not fakes.dead_letters()
    return {each.store: each.count for each in cast("ErasureReceipt", receipts[0].data).stores}
