"""Deleting an item: it is gone for everyone at once; what is derived from it follows the event."""

from typing import Any

from chassis.http import Caller, not_found
from chassis.service import Service
from contracts import new_event
from contracts.ingest import ItemDeleted
from ingest import items
from ingest.hearing import remove_rows


def delete_item(service: Service[Any], caller: Caller, item_id: str) -> None:
    """Bury the caller's item and tell everyone. Its original goes when this service hears its own event.

    Raises:
        ProblemError: 404; there is no such item of the caller's.
    """
    with service.work.on(caller.tenant_id, item_id) as work:
        if items.find(work.connection, caller.tenant_id, item_id) is None:
            raise not_found("item", item_id)
        event = new_event(
            ItemDeleted(),
            subject=item_id,
            tenant_id=caller.tenant_id,
            correlation_id=caller.correlation_id,
            traceparent=caller.traceparent,
        )
        work.bury(event)
        remove_rows(work.connection, caller.tenant_id, item_id)
        work.record(event)
