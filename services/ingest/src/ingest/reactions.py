"""What follows from the events that ingest consumes, beside the folds in `projections`."""

from chassis.objects import upload_key
from contracts import Event
from contracts.ingest import ItemDeleted
from ingest.bootstrap import IngestService
from ingest.repository import originals


def remove_objects(service: IngestService, event: Event[ItemDeleted]) -> None:
    """Delete the item's originals and whatever it has in the landing zone.

    Until that is done the queue brings the event again: deleting is idempotent.
    """
    with service.database.transaction() as connection:
        keys = originals.keys_of(connection, event.tenant_id, event.subject)
    service.images.delete(upload_key(event.tenant_id, event.subject), *sorted(keys))
