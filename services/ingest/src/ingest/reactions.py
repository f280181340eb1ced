"""What follows from the events that ingest consumes, beside the folds in `projections`."""

from chassis.objects import upload_key
from chassis.republishing import republish
from contracts import Event
from contracts.ingest import ItemDeleted, ItemUploaded, RetryRequested, RetryStep
from ingest.bootstrap import IngestService
from ingest.repository import originals


def remove_objects(service: IngestService, event: Event[ItemDeleted]) -> None:
    """Delete the item's originals and whatever it has in the landing zone.

    Until that is done the queue brings the event again: deleting is idempotent.
    """
    with service.database.transaction() as connection:
        keys = originals.keys_of(connection, event.tenant_id, event.subject)
    service.images.delete(upload_key(event.tenant_id, event.subject), *sorted(keys))


def process_again(service: IngestService, event: Event[RetryRequested]) -> None:
    """Send imaging the upload once more, where that is the step that is asked for."""
    if event.data.step is RetryStep.IMAGING:
        republish(service, event, ItemUploaded, "imaging")
