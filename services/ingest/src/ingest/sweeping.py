"""The hourly sweep: no object without an owner, and no direct upload that nobody noticed.

- An original that was stored and never became an item's (its process died in between) is deleted once it is older than
  `pending_lifetime_s`. It is marked first, under the lock of its item: whoever wants to record it later is refused.
  What an item's stream names is never deleted.
- A direct upload whose form has expired without S3's event: if its object is there, it is accepted as by the event.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from chassis.errors import ObjectMissingError, PermanentError, TransientError
from chassis.objects import upload_key
from chassis.observability import logger
from ingest.bootstrap import IngestService
from ingest.direct_uploads import Arrival, accept_arrival
from ingest.repository import originals, pending, uploads
from ingest.repository.pending import Pending

#: Rows of each kind at a time.
_BATCH = 200


def sweep(service: IngestService) -> dict[str, Any]:
    """Take in what arrived unseen, then delete what belongs to nobody; how many of each.

    It ends with what there is, or when `sweep_budget_s` is spent; the next one goes on.
    """
    deadline = time.monotonic() + service.settings.sweep_budget_s
    return {name: _all_pages(step, service, deadline) for name, step in _STEPS.items()}


def _all_pages(step: Callable[[IngestService], tuple[int, bool]], service: IngestService, deadline: float) -> int:
    done, more = 0, True
    while more and time.monotonic() < deadline:
        number, more = step(service)
        done += number
    return done


def accept_unseen(service: IngestService) -> tuple[int, bool]:
    """Accept the objects of expired forms that nobody was told of; returns how many, and whether there may be more.

    What fails is looked at again in an hour, and so is what comes behind it. Raises `TransientError` where the database
    does not answer.
    """
    with service.database.transaction() as connection:
        unseen = uploads.unseen(connection, uploads.GRACE, limit=_BATCH)
    accepted, more = 0, len(unseen) == _BATCH
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
            more = False
    return accepted, more


def delete_ownerless(service: IngestService) -> tuple[int, bool]:
    """Delete originals that were stored long ago and became no item's; returns how many, and whether there may be more.

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
    return len(ownerless), len(old) == _BATCH


def _claim(service: IngestService, found: Pending, age: timedelta) -> bool:
    with service.work.on(found.tenant_id, found.item_id) as work:
        if found.key in originals.keys_of(work.connection, found.tenant_id, found.item_id):
            pending.delete(work.connection, found)
            return False
        return pending.mark_swept(work.connection, found, age)


_STEPS: Final = {"accepted": accept_unseen, "deleted": delete_ownerless}
