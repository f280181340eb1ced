"""The hourly sweep: no object without an owner, and no direct upload that nobody noticed.

- An original that was stored and never became an item's (its process died in between) is deleted once it is older than
  `pending_lifetime_s`. It is marked first, under the lock of its item: whoever wants to record it later is refused.
  What an item's stream names is never deleted.
- A direct upload whose form has expired without S3's event: if its object is there, it is accepted as by the event.
"""

from datetime import timedelta
from typing import Any

from chassis.errors import ObjectMissingError, PermanentError, TransientError
from chassis.objects import upload_key
from chassis.observability import logger
from ingest.bootstrap import IngestService
from ingest.direct_uploads import Arrival, accept_arrival
from ingest.repository import originals, pending, uploads
from ingest.repository.pending import Pending

#: Rows of each kind in one run.
_BATCH = 200
#: A transfer that began before its form expired may take this long; S3's event comes within seconds of its end.
_UPLOAD_GRACE = timedelta(hours=1)


def sweep(service: IngestService) -> dict[str, Any]:
    """Take in what arrived unseen, then delete what belongs to nobody; how many of each."""
    return {"accepted": accept_unseen(service), "deleted": delete_ownerless(service)}


def accept_unseen(service: IngestService) -> int:
    """Accept the objects of expired forms that nobody was told of; returns how many.

    What fails is looked at again in an hour. Raises `TransientError` where the database does not answer.
    """
    with service.database.transaction() as connection:
        unseen = uploads.unseen(connection, _UPLOAD_GRACE, limit=_BATCH)
    accepted = 0
    for upload in unseen:
        arrival = Arrival(service.settings.images_bucket, upload.tenant_id, upload.item_id)
        try:
            service.images.size(upload_key(upload.tenant_id, upload.item_id))
            accept_arrival(service, arrival)
            accepted += 1
        except (ObjectMissingError, PermanentError) as error:
            if not isinstance(error, ObjectMissingError):  # whose form was not used
                logger.warning("unseen upload cannot be accepted", extra={"error": str(error)})
            with service.database.transaction() as connection:
                uploads.mark_swept(connection, upload.tenant_id, upload.item_id)
        except TransientError as error:
            logger.warning("upload left to the next sweep", extra={"error": str(error)})
    return accepted


def delete_ownerless(service: IngestService) -> int:
    """Delete originals that were stored long ago and became no item's; returns how many.

    Raises:
        TransientError: the bucket or the database does not answer; the next sweep goes on.
    """
    age = timedelta(seconds=service.settings.pending_lifetime_s)
    with service.database.transaction() as connection:
        old = pending.older_than(connection, age, limit=_BATCH)
    ownerless = [each for each in old if _claim(service, each, age)]
    if ownerless:
        service.images.delete(*[each.key for each in ownerless])
        with service.database.transaction() as connection:
            for each in ownerless:
                pending.delete(connection, each)
    return len(ownerless)


def _claim(service: IngestService, found: Pending, age: timedelta) -> bool:
    with service.work.on(found.tenant_id, found.item_id) as work:
        if found.key in originals.keys_of(work.connection, found.tenant_id, found.item_id):
            pending.delete(work.connection, found)
            return False
        return pending.mark_swept(work.connection, found, age)
