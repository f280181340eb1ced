"""Events become `originals` (what must be known to make renditions once more) and `rejected_uploads`."""

from chassis.database import Connection
from chassis.projections import Projections
from contracts import Event
from contracts.ingest import ItemDeleted, ItemUploaded, UploadRejected
from imaging import repository
from imaging.repository import Original


def item_uploaded(connection: Connection, event: Event[ItemUploaded]) -> None:
    """The original is known. An original never changes, so folding it twice changes nothing."""
    repository.save(connection, Original.of(event))


def upload_rejected(connection: Connection, event: Event[UploadRejected]) -> None:
    """There is no original, and why; an upload is refused once."""
    repository.reject(connection, event)


def item_deleted(connection: Connection, event: Event[ItemDeleted]) -> None:
    """The original is gone, and why there was none."""
    repository.delete(connection, event.tenant_id, event.subject)


PROJECTIONS = Projections(
    {ItemUploaded: item_uploaded, UploadRejected: upload_rejected}, deletions={ItemDeleted: item_deleted}
)
