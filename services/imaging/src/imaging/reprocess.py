"""Reprocessing on request: the work of an upload once more, for a caller who waits."""

from http import HTTPStatus

from chassis.http import Caller, ProblemError, not_found
from contracts import new_event
from contracts.imaging import ImageProcessed
from imaging import repository
from imaging.bootstrap import ImagingService
from imaging.errors import DecoderLostError, RejectedImageError
from imaging.reactions import delete_renditions, make_renditions


def reprocess(service: ImagingService, caller: Caller, item_id: str) -> ImageProcessed:
    """Make and store the renditions of the caller's item again.

    Raises:
        ProblemError: 404, there is no such item of the caller's; 422, its original is not an image; 503, its decoder
            did not finish.
        TransientError: the bucket or the database does not answer.
    """
    with service.database.transaction() as connection:
        original = repository.find(connection, caller.tenant_id, item_id)
    if original is None:
        raise not_found("item", item_id)
    try:
        processed = make_renditions(service.images, original)
    except RejectedImageError as rejection:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"image-{rejection.reason}", rejection.detail
        ) from rejection
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
