"""Deleting an item: it is gone for everyone at once; what is derived from it follows the event."""

from chassis.http import Caller
from contracts import new_event
from contracts.ingest import ItemDeleted
from ingest.absent import no_item
from ingest.bootstrap import IngestService
from ingest.repository import items


def delete_item(service: IngestService, caller: Caller, item_id: str) -> None:
    """Mark the caller's item deleted and publish it. Its original goes when this service consumes its own event.

    Raises:
        ProblemError: 404, there is no such item of the caller's; 409, its direct upload may still end.
    """
    with service.work.on(caller.tenant_id, item_id) as work:
        if items.find(work.connection, caller.tenant_id, item_id) is None:
            raise no_item(work.connection, caller.tenant_id, item_id)
        work.record(
            new_event(
                ItemDeleted(),
                subject=item_id,
                tenant_id=caller.tenant_id,
                cause=caller,
            )
        )
