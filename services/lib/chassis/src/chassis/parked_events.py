"""What operators ask a service's relay about parked events: `mesh outbox` invokes the function with such a request.

Who may invoke the function may ask; nobody needs a password of the database for it.
"""

from collections.abc import Mapping
from typing import Any

from chassis import outbox
from chassis.database import Database
from chassis.observability import logger

__all__ = ["PAGE", "answer"]

#: Parked events in one answer: some 50 KB.
PAGE = 100


def answer(database: Database, request: Mapping[str, Any]) -> dict[str, Any]:
    """`{"list": position}`: how many are parked, and a page of those behind the position, oldest first.

    `{"retry": [event id, …]}`: lets the relay try these again, and answers how many of them were parked.

    Raises:
        ValueError: the request is neither.
        TransientError: the database does not answer.
    """
    match request:
        case {"list": int(after)}:
            with database.transaction() as connection:
                total, page = outbox.count_parked(connection), outbox.parked(connection, after=after, limit=PAGE)
            return {"total": total, "events": [event.described() for event in page]}
        case {"retry": [*event_ids]}:
            with database.transaction() as connection:
                retried = outbox.retry_parked(connection, event_ids)
            logger.info("parked events are tried again", extra={"retried": retried, "events": event_ids})
            return {"retried": retried}
    raise ValueError(f"neither list nor retry: {sorted(request)}")
