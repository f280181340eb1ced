"""Our consumer, with a handler that only records when it was called with the typed event."""

import os
import time
from pathlib import Path

from chassis.queue import EventConsumer, on
from chassis.service import Service
from chassis.settings import Settings
from contracts import Event
from contracts.ingest import RetryRequested


def note(event: Event[RetryRequested]) -> None:
    """Record the time and the id of the event."""
    now = time.time()
    with Path(os.environ["NOTES"]).open("a", encoding="ascii") as notes:
        notes.write(f"{event.id} {now}\n")


service = Service(Settings(service=os.environ["SERVICE"]))
handler = EventConsumer(service, [on(RetryRequested, note)])
