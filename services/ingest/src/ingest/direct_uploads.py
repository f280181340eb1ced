"""What arrived in the landing zone of the bucket by a direct upload: it becomes an item, or is rejected with a reason.

S3 announces an object at least once, and a form can be sent twice: whatever comes after the first arrival finds the
upload ended (or the item deleted), and only the landing object goes.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from urllib.parse import unquote

from chassis.errors import (
    ObjectMissingError,
    PermanentError,
    PoisonError,
    TenantForgottenError,
    TransientError,
)
from chassis.objects import original_key, upload_key
from chassis.observability import event_context, hash_tenant, logger
from contracts import Contract, is_storable, new_event
from contracts.ingest import ItemUploaded, UploadRejected, UploadRejection
from ingest.bootstrap import IngestService
from ingest.errors import UnacceptableError
from ingest.media_type import accepted_type
from ingest.repository import originals, pending, uploads
from ingest.repository.pending import Pending
from ingest.repository.uploads import Upload

_LANDING_KEY = re.compile(r"(?P<tenant_id>[^/]+)/uploads/(?P<item_id>[^/]+)")


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object in the landing zone."""

    bucket: str
    tenant_id: str
    item_id: str


def read_arrival(body: str) -> Arrival:
    """The arrival in an S3 `Object Created` event, as EventBridge put it into the queue.

    Raises:
        PoisonError: it is not such an event, or the object is not in the landing zone.
    """
    try:
        envelope = json.loads(body)
        bucket, key = envelope["detail"]["bucket"]["name"], envelope["detail"]["object"]["key"]
    except (ValueError, KeyError, TypeError) as error:
        raise PoisonError("not-an-object-event", f"not an S3 object event: {type(error).__name__}") from error
    if envelope.get("source") != "aws.s3" or not isinstance(bucket, str) or not isinstance(key, str):
        raise PoisonError("not-an-object-event", "not an S3 object event")
    # Some emulators encode the key as S3's older notifications do; ours need no encoding.
    found = _LANDING_KEY.fullmatch(unquote(key))
    if found is None or not is_storable(found[0]):
        # The message holds the key; the reason is logged, and keys begin with the tenant.
        raise PoisonError("foreign-key", "the object is not in the landing zone")
    return Arrival(bucket, found["tenant_id"], found["item_id"])


def accept_arrival(service: IngestService, arrival: Arrival) -> None:
    """Make an item of what arrived, or record why not; then clear the landing zone.

    Raises:
        PermanentError: no form was handed out for this upload, or its object is gone.
        TransientError: the bucket or the database does not answer.
    """
    if arrival.bucket != service.settings.images_bucket:
        raise PermanentError("foreign-bucket", f"{arrival.bucket} is not the images bucket")
    landing = upload_key(arrival.tenant_id, arrival.item_id)
    try:
        _accept(service, arrival, landing)
    except TenantForgottenError:
        service.images.delete(landing)  # the form was handed out before
        raise


def _accept(service: IngestService, arrival: Arrival, landing: str) -> None:
    with service.work.on(arrival.tenant_id, arrival.item_id) as work:
        upload = uploads.find(work.connection, arrival.tenant_id, arrival.item_id)
        deleted = work.is_deleted()
    if deleted or (upload is not None and upload.ended_at is not None):
        service.images.delete(landing)
        return
    if upload is None:
        raise PermanentError("unknown-upload", f"no form was handed out for item {arrival.item_id}")
    with event_context(correlation_id=upload.correlation_id, tenant=hash_tenant(upload.tenant_id)):
        outcome = _examine(service, upload, landing)
        _record(service, upload, outcome)
        service.images.delete(landing)


def _examine(service: IngestService, upload: Upload, landing: str) -> ItemUploaded | UploadRejected:
    """Store the original if it is acceptable."""
    size = 0
    try:
        size = service.images.size(landing)
        if size > service.settings.max_direct_bytes:
            raise UnacceptableError(
                UploadRejection.TOO_LARGE,
                f"the picture has {size} bytes, at most {service.settings.max_direct_bytes} are accepted",
            )
        content = service.images.get(landing)
        size = len(content)
        file_type = accepted_type(content)
        if upload.sha256 is not None and upload.sha256 != hashlib.sha256(content).hexdigest():
            raise UnacceptableError(
                UploadRejection.CHECKSUM_MISMATCH, "the sha256 of what arrived is not the one that was announced"
            )
    except ObjectMissingError as error:
        raise PermanentError("landing-object-missing", f"no object for item {upload.item_id}") from error
    except UnacceptableError as error:
        return UploadRejected(
            original_filename=upload.original_filename, size=size, reason=error.reason, detail=error.detail
        )
    filename = f"{upload.item_id}.{file_type.extension}"
    key = original_key(upload.tenant_id, filename)
    with service.database.transaction() as connection:
        if not pending.remember(connection, Pending(upload.tenant_id, upload.item_id, key)):
            raise TransientError("what an earlier attempt stored is being swept")
    if not service.images.put_new(key, content, file_type.media_type):
        # Stored by an attempt that ended before its transaction, or the form is being sent twice at this moment: an
        # original never changes, so the first is the one that counts.
        content = service.images.get(key)
    return ItemUploaded(
        filename=filename,
        original_filename=upload.original_filename,
        key=key,
        media_type=file_type.media_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _record(service: IngestService, upload: Upload, outcome: Contract) -> None:
    with service.work.on(upload.tenant_id, upload.item_id) as work:
        known = uploads.find(work.connection, upload.tenant_id, upload.item_id)
        deleted = work.is_deleted()
        if not deleted and known is not None and known.ended_at is None:
            if isinstance(outcome, ItemUploaded) and not pending.strike(
                work.connection, Pending(upload.tenant_id, upload.item_id, outcome.key)
            ):
                raise TransientError("the original was swept before it was recorded")
            work.record(
                new_event(
                    outcome,
                    subject=upload.item_id,
                    tenant_id=upload.tenant_id,
                    cause=upload,
                )
            )
            uploads.end(work.connection, upload.tenant_id, upload.item_id)
        recorded = originals.keys_of(work.connection, upload.tenant_id, upload.item_id)
    if isinstance(outcome, ItemUploaded) and (deleted or outcome.key not in recorded):
        # It belongs to no item: that was deleted meanwhile, or the form was sent before with a picture of another type.
        service.images.delete(outcome.key)
    logger.debug("direct upload ended", extra={"outcome": outcome.event_type})
