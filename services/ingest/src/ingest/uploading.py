"""Taking pictures in: through the API, or straight to the bucket by a form that is handed out here.

The original is stored before the transaction that makes it an item: consumers of the event find its picture. It is
remembered before it is stored, and struck off in that transaction: the sweep deletes what a crash left in between.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from chassis.database import Connection
from chassis.errors import TransientError
from chassis.http import Caller, ProblemError, header, raw_body
from chassis.item_ids import new_item_id
from chassis.objects import PresignedPost, original_key, upload_key
from chassis.observability import MetricUnit, metrics
from contracts import new_event
from contracts.ingest import ItemUploaded
from ingest.bootstrap import IngestService
from ingest.errors import MalformedUploadError, UnacceptableError
from ingest.filenames import clean_filename
from ingest.forms import FilePart, file_part
from ingest.media_type import ACCEPTED_TYPES, accepted_type
from ingest.repository import items, pending, uploads
from ingest.repository.items import StoredItem
from ingest.repository.pending import Pending
from ingest.repository.uploads import Upload


def read_form(request: Mapping[str, Any]) -> FilePart:
    """The picture in the multipart form of an API Gateway event.

    Raises:
        ProblemError: 400, the form has none.
    """
    try:
        return file_part(header(request, "content-type"), raw_body(request))
    except MalformedUploadError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "malformed-upload", str(error)) from error


def accept(
    service: IngestService, caller: Caller, part: FilePart, keep: Callable[[Connection, StoredItem], None]
) -> StoredItem:
    """Make an item of the picture; `keep` is called in the transaction that makes it.

    Raises:
        ProblemError: 400, it is no picture of a kind we take; 413, it is too large for this route.
        TransientError: the bucket or the database does not answer.
    """
    settings = service.settings
    if len(part.content) > settings.max_upload_bytes:
        raise _too_large(len(part.content), settings.max_upload_bytes, settings.max_direct_bytes)
    try:
        file_type = accepted_type(part.content)
    except UnacceptableError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, error.reason.value, error.detail) from error
    item_id = new_item_id(caller.tenant_id)
    uploaded = ItemUploaded(
        filename=f"{item_id}.{file_type.extension}",
        original_filename=clean_filename(part.filename),
        key=original_key(caller.tenant_id, f"{item_id}.{file_type.extension}"),
        media_type=file_type.media_type,
        size=len(part.content),
        sha256=hashlib.sha256(part.content).hexdigest(),
    )
    stored_original = Pending(caller.tenant_id, item_id, uploaded.key)
    with service.database.transaction() as connection:
        pending.remember(connection, stored_original)
    service.images.put(uploaded.key, part.content, file_type.media_type)
    with service.work.on(caller.tenant_id, item_id) as work:
        if not pending.strike(work.connection, stored_original):
            raise TransientError("the original was swept before it was recorded")
        work.record(
            new_event(
                uploaded,
                subject=item_id,
                tenant_id=caller.tenant_id,
                cause=caller,
            ),
            expected_version=0,
        )
        stored = items.find(work.connection, caller.tenant_id, item_id)
        if stored is None:
            raise AssertionError("an item is found in the transaction that created it")
        keep(work.connection, stored)
    metrics.add_metric("UploadedBytes", MetricUnit.Bytes, uploaded.size)
    return stored


def offer_direct_upload(
    service: IngestService,
    caller: Caller,
    *,
    filename: str,
    media_type: str,
    size: int,
    sha256: str | None,
    keep: Callable[[Connection, str, PresignedPost], None],
) -> tuple[str, PresignedPost]:
    """A new item id, and the form by which its picture of `size` bytes goes straight to the bucket.

    `keep` is called in the transaction that remembers them.

    Raises:
        ProblemError: 400, not a media type we take; 413, larger than direct uploads may be.
        TransientError: the database does not answer.
    """
    settings = service.settings
    if media_type not in ACCEPTED_TYPES:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "unsupported-type",
            f"{media_type} is not accepted; send one of {', '.join(sorted(ACCEPTED_TYPES))}",
        )
    if size > settings.max_direct_bytes:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too-large",
            f"the picture has {size} bytes, at most {settings.max_direct_bytes} are accepted",
            max_bytes=settings.max_direct_bytes,
        )
    item_id = new_item_id(caller.tenant_id)
    form = service.images.upload_form(
        upload_key(caller.tenant_id, item_id),
        media_type=media_type,
        max_bytes=size,
        expires_in=settings.upload_lifetime_s,
    )
    lifetime = timedelta(seconds=settings.upload_lifetime_s)
    with service.database.transaction() as connection:
        uploads.add(
            connection,
            Upload(
                tenant_id=caller.tenant_id,
                item_id=item_id,
                original_filename=clean_filename(filename),
                media_type=media_type,
                bytes=size,
                sha256=sha256,
                correlation_id=caller.correlation_id,
                traceparent=caller.traceparent,
                expires_at=datetime.now(UTC) + lifetime,
            ),
        )
        keep(connection, item_id, form)
    return item_id, form


def _too_large(size: int, limit: int, direct_limit: int) -> ProblemError:
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        f"the picture has {size} bytes, this route takes at most {limit};"
        f" POST /items/uploads gives a form for a direct upload of up to {direct_limit} bytes",
        max_bytes=limit,
        direct_upload="/items/uploads",
    )
