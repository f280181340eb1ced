"""What follows from an upload and from a deletion.

Originals are read and decoded and renditions stored before the transaction: keys are deterministic, so doing it again
is harmless, and what a failed commit left is overwritten by the next attempt or deleted with its item. Deletion and
processing of one item may overlap; whichever comes last removes the renditions.
"""

from typing import Any

from chassis.errors import ObjectMissingError
from chassis.objects import ImageStore, rendition_key, thumbnail_key
from chassis.observability import logger
from chassis.republishing import republish
from chassis.service import Service
from chassis.work import Complete, UnitOfWork
from contracts import Event, new_event
from contracts.imaging import ImageProcessed, ImageRejected, ImageRejection, Rendition
from contracts.ingest import ItemDeleted, ItemUploaded, RetryRequested, RetryStep
from imaging.errors import DecoderLostError, RejectedImageError
from imaging.repository import Original

_MODEL_EXTENSIONS = ("jpg", "png")


def process_upload(images: ImageStore, event: Event[ItemUploaded]) -> Complete:
    """Make renditions of a new original; it is processed, or rejected with a reason.

    Raises `TransientError` and `DecoderLostError` where a later attempt may succeed.
    """
    outcome: ImageProcessed | ImageRejected
    try:
        outcome = make_renditions(images, Original.of(event))
    except RejectedImageError as rejection:
        outcome = ImageRejected(reason=rejection.reason, detail=rejection.detail)
    return lambda work: _record(images, work, event, outcome)


def reject_as_too_slow(
    images: ImageStore, work: UnitOfWork, event: Event[ItemUploaded], fault: Exception, attempts: int
) -> None:
    """A picture whose decoder is lost every time is rejected, so that its owner is not left waiting.

    The inbox stays clean: a message redriven from the dead-letter queue counts.
    """
    if isinstance(fault, DecoderLostError):
        logger.warning("decoder lost for the last time", extra={"attempts": attempts, "error": str(fault)})
        rejected = ImageRejected(reason=ImageRejection.TOO_SLOW, detail="The picture could not be decoded in time.")
        _record(images, work, event, rejected)


def remove_renditions(images: ImageStore, event: Event[ItemDeleted]) -> None:
    """Delete the item's renditions. Until that is done the queue brings the event again: deleting is idempotent."""
    delete_renditions(images, event.tenant_id, event.subject)


def analyze_again(service: Service[Any], event: Event[RetryRequested]) -> None:
    """Send analysis the newest renditions once more, where that is the step that is asked for."""
    if event.data.step is RetryStep.ANALYSIS:
        republish(service, event, ImageProcessed, "analysis")


def make_renditions(images: ImageStore, original: Original) -> ImageProcessed:
    """Read the original, decode it in a process of its own, store its renditions under their keys.

    Raises:
        RejectedImageError: the original is missing or is not an image we accept.
        DecoderLostError, TransientError: a later attempt may succeed.
    """
    # Only the functions that decode pay for importing the decoders.
    from imaging.isolation import process_isolated

    try:
        data = images.get(original.key)
    except ObjectMissingError as error:
        raise RejectedImageError(ImageRejection.MISSING, "The original is not in the store.") from error
    picture = process_isolated(data)
    stored: list[Rendition] = []
    for rendition, key_of in ((picture.model, rendition_key), (picture.thumbnail, thumbnail_key)):
        key = key_of(original.tenant_id, f"{original.item_id}.{rendition.extension}")
        images.put(key, rendition.data, rendition.media_type)
        stored.append(
            Rendition(
                kind=rendition.kind,
                key=key,
                media_type=rendition.media_type,
                width=rendition.width,
                height=rendition.height,
                size=len(rendition.data),
            )
        )
    return ImageProcessed(
        filename=original.filename,
        original_filename=original.original_filename,
        media_type=picture.media_type,
        sha256=original.sha256,
        width=picture.width,
        height=picture.height,
        frames=picture.frames,
        renditions=tuple(stored),
        exif=picture.exif,
        phash=picture.phash,
    )


def delete_renditions(images: ImageStore, tenant_id: str, item_id: str) -> None:
    """Delete whatever renditions the item can have; absent ones are not an error."""
    images.delete(
        *(rendition_key(tenant_id, f"{item_id}.{extension}") for extension in _MODEL_EXTENSIONS),
        thumbnail_key(tenant_id, f"{item_id}.webp"),
    )


def _record(
    images: ImageStore, work: UnitOfWork, event: Event[ItemUploaded], outcome: ImageProcessed | ImageRejected
) -> None:
    if work.is_deleted():
        # Inside the transaction, rare as it is: if this fails, the event must come back.
        delete_renditions(images, event.tenant_id, event.subject)
    else:
        work.record(new_event(outcome, subject=event.subject, tenant_id=event.tenant_id, cause=event))
