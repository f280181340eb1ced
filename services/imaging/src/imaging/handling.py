"""What imaging does about an upload, a deletion, and a wish for new renditions.

Pictures are read, decoded and stored before the transaction: keys are deterministic, so doing it again is harmless.
Deletion and processing of one item may overlap; whichever comes last removes the renditions.
"""

from typing import Any

from chassis.errors import ObjectMissingError
from chassis.objects import rendition_key, thumbnail_key
from chassis.observability import logger
from chassis.service import Service
from chassis.work import UnitOfWork
from contracts import Event, new_event
from contracts.imaging import ImageProcessed, ImageRejected, ImageRejection, Rendition
from contracts.ingest import ItemDeleted, ItemUploaded
from imaging import originals
from imaging.errors import DecoderLostError, RejectedImageError
from imaging.originals import Original

_MODEL_EXTENSIONS = ("jpg", "png")


def process_upload(service: Service[Any], event: Event[ItemUploaded]) -> None:
    """Make renditions of a new original, and tell that it was processed or why it was rejected.

    Raises `TransientError` and `DecoderLostError` for what may go better next time.
    """
    outcome: ImageProcessed | ImageRejected
    try:
        outcome = make_renditions(service, Original.of(event))
    except RejectedImageError as rejection:
        outcome = ImageRejected(reason=rejection.reason, detail=rejection.detail)
    with service.work.applying(event) as work:
        _tell(service, work, event, outcome)


def give_up(service: Service[Any], event: Event[ItemUploaded], fault: Exception, attempts: int) -> None:
    """A picture whose decoder is lost every time is rejected, so that its owner is not left waiting.

    The inbox stays clean: a message redriven from the dead-letter queue counts.
    """
    if isinstance(fault, DecoderLostError):
        logger.warning("decoder lost for the last time", extra={"attempts": attempts, "error": str(fault)})
        rejected = ImageRejected(reason=ImageRejection.TOO_SLOW, detail="The picture could not be decoded in time.")
        with service.work.on(event.tenant_id, event.subject) as work:
            _tell(service, work, event, rejected)


def remove_item(service: Service[Any], event: Event[ItemDeleted]) -> None:
    """Put the tombstone, then delete the renditions.

    The inbox row comes last: until then the queue brings the event again, and every step bears repeating.
    """
    with service.work.on(event.tenant_id, event.subject) as work:
        work.bury(event)
        originals.forget(work.connection, event.tenant_id, event.subject)
    delete_renditions(service, event.tenant_id, event.subject)
    with service.work.applying(event):
        pass


def make_renditions(service: Service[Any], original: Original) -> ImageProcessed:
    """Read the original, decode it in a process of its own, store its renditions under their keys.

    Raises:
        RejectedImageError: the original is missing or is not an image we accept.
        DecoderLostError, TransientError: may go better next time.
    """
    # Only the functions that decode pay for importing the decoders.
    from imaging.isolation import process_isolated

    try:
        data = service.images.get(original.key)
    except ObjectMissingError as error:
        raise RejectedImageError(ImageRejection.MISSING, "The original is not in the store.") from error
    picture = process_isolated(data)
    stored: list[Rendition] = []
    for made, key_of in ((picture.model, rendition_key), (picture.thumbnail, thumbnail_key)):
        key = key_of(original.tenant_id, f"{original.item_id}.{made.extension}")
        service.images.put(key, made.data, made.media_type)
        stored.append(
            Rendition(
                kind=made.kind,
                key=key,
                media_type=made.media_type,
                width=made.width,
                height=made.height,
                size=len(made.data),
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


def delete_renditions(service: Service[Any], tenant_id: str, item_id: str) -> None:
    """Delete whatever renditions the item can have; what is not there is no fault."""
    service.images.delete(
        *(rendition_key(tenant_id, f"{item_id}.{extension}") for extension in _MODEL_EXTENSIONS),
        thumbnail_key(tenant_id, f"{item_id}.webp"),
    )


def _tell(
    service: Service[Any], work: UnitOfWork, event: Event[ItemUploaded], outcome: ImageProcessed | ImageRejected
) -> None:
    if work.is_deleted():
        # Inside the transaction, rare as it is: if this fails, the event must come back.
        delete_renditions(service, event.tenant_id, event.subject)
    else:
        originals.keep(work.connection, Original.of(event))
        work.record(new_event(outcome, subject=event.subject, tenant_id=event.tenant_id, cause=event))
