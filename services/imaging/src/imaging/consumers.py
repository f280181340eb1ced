"""The queue's entry point: which event goes to which reaction. Projections follow by themselves."""

from functools import partial

from chassis.queue import EventConsumer, forgets, on
from contracts.ingest import ItemDeleted, ItemUploaded, RetryRequested, UploadRejected
from imaging import reactions
from imaging.bootstrap import ImagingService


def on_events(service: ImagingService) -> EventConsumer:
    """Uploads and deletions of items, and uploads that were refused."""
    return EventConsumer(
        service,
        [
            on(
                ItemUploaded,
                partial(reactions.process_upload, service.images),
                give_up=partial(reactions.reject_as_too_slow, service.images),
            ),
            on(UploadRejected),
            # The tombstone first: processing that is under way finds it and removes what it stored.
            on(ItemDeleted, partial(reactions.remove_renditions, service.images), fold_first=True),
            on(RetryRequested, partial(reactions.analyze_again, service)),
            forgets(service),
        ],
    )
