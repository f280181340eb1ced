"""What the clock starts."""

from functools import partial

from chassis.schedule import Entry, relay, scheduled
from sessions.bootstrap import SessionsService
from sessions.expiry import clean_up

__all__ = ["cleanup", "relay"]


def cleanup(service: SessionsService) -> Entry:
    """The entry point of the hourly clean-up."""
    return scheduled("cleanup", partial(clean_up, service))
