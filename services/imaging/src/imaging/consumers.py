"""What the service hears."""

from functools import partial

from chassis.consumer import EventConsumer, on
from contracts.ingest import ItemDeleted, ItemUploaded
from imaging import handling
from imaging.bootstrap import service

on_events = EventConsumer(
    service,
    [
        on(ItemUploaded, partial(handling.process_upload, service), give_up=partial(handling.give_up, service)),
        on(ItemDeleted, partial(handling.remove_item, service)),
    ],
)
