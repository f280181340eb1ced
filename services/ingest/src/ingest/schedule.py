"""What the clock starts."""

from functools import partial

from chassis.schedule import Entry, relay, scheduled
from ingest import sweeping
from ingest.bootstrap import IngestService

__all__ = ["relay", "sweep"]


def sweep(service: IngestService) -> Entry:
    """The entry point of the hourly sweep."""
    return scheduled("sweep", partial(sweeping.sweep, service))
