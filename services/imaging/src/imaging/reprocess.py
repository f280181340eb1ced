"""Reprocessing on request: the work of an upload once more, for a caller who waits."""

from http import HTTPStatus

from chassis import tombstones
from chassis.http import Caller, ProblemError, no_such_item, not_found, wait_for
from chassis.item_ids import is_issued
from contracts import new_event
from contracts.imaging import ImageProcessed
from imaging import repository
from imaging.bootstrap import ImagingService
from imaging.errors import DecoderLostError, RejectedImageError
from imaging.reactions import delete_renditions, make_renditions
from imaging.repository import Original

#: Seconds to wait for an upload that is on its way.
WAIT_S = 2.0


def reprocess(service: ImagingService, caller: Caller, item_id: str) -> ImageProcessed:
    """Make and store the renditions of the caller's item again.

    Raises:
        ProblemError: 404, there is no such item of the caller's; 409, its upload is not processed yet; 422, it was
            refused, or its original is not an image; 503, its decoder did not finish.
        TransientError: the bucket or the database does not answer.
    """
    original = _find(service, caller.tenant_id, item_id)
    try:
        processed = make_renditions(service.images, original)
    except RejectedImageError as rejection:
        raise _unusable(rejection.reason, rejection.detail) from rejection
    except DecoderLostError as fault:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, "decoder-lost", "the picture could not be decoded in time; try again"
        ) from fault
    with service.work.on(caller.tenant_id, item_id) as work:
        deleted = work.is_deleted()
        if not deleted:
            work.record(
                new_event(
                    processed,
                    subject=item_id,
                    tenant_id=caller.tenant_id,
                    cause=caller,
                )
            )
    if deleted:
        delete_renditions(service.images, caller.tenant_id, item_id)
        raise not_found("item", item_id)
    return processed


def _unusable(reason: str, detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"image-{reason}", detail)


def _find(service: ImagingService, tenant_id: str, item_id: str) -> Original:
    def look() -> Original | None:
        with service.database.transaction() as connection:
            if tombstones.is_deleted(connection, tenant_id, item_id):
                raise not_found("item", item_id)
            original = repository.find(connection, tenant_id, item_id)
            rejection = repository.find_rejection(connection, tenant_id, item_id) if original is None else None
        if rejection is not None:
            raise _unusable(rejection.reason, rejection.detail)
        return original

    original = wait_for(look, WAIT_S if is_issued(tenant_id, item_id) else 0)
    if original is None:
        raise no_such_item(tenant_id, item_id)
    return original
