"""The Lambda entry points of the queues: `on_events` (our events) and `on_uploads` (S3's)."""

from functools import partial

from chassis.consumer import EventConsumer, QueueConsumer, on
from contracts.ingest import ItemDeleted
from ingest import facts, hearing, landing
from ingest.bootstrap import service

on_events = EventConsumer(
    service,
    [
        *(on(contract, partial(hearing.take_note, service)) for contract in facts.CONTRACTS),
        on(ItemDeleted, partial(hearing.clear_away, service)),
    ],
)
on_uploads = QueueConsumer(service, landing.read_arrival, partial(landing.take_in, service))
