"""Starting an item again that waits for too long, or of which a step has failed."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from chassis.database import Connection
from chassis.http import Caller, ProblemError
from contracts import new_event
from contracts.ingest import RetryRequested, RetryStep
from ingest.absent import no_item
from ingest.bootstrap import IngestService
from ingest.item_status import Status, next_step, status_of, waiting
from ingest.repository import items


def retry(
    service: IngestService, caller: Caller, item_id: str, keep: Callable[[Connection, RetryStep], None]
) -> RetryStep:
    """Record that the item's next step is to begin again; `keep` is called in the same transaction.

    Raises:
        ProblemError: 404, there is no such item of the caller's; 409, it has ended, or has not waited for long.
    """
    with service.work.on(caller.tenant_id, item_id) as work:
        stored = items.find(work.connection, caller.tenant_id, item_id)
        if stored is None:
            raise no_item(work.connection, caller.tenant_id, item_id)
        status, reason = status_of(stored.state)
        step = next_step(stored.state)
        if step is None or status is Status.REJECTED:
            detail = f"the item is {status.value}" + (f": {reason}" if reason else "")
            raise ProblemError(HTTPStatus.CONFLICT, "nothing-to-retry", detail, headers={"Retry-After": "3600"})
        if (waits := waiting(stored.state)) is not None:
            left_s = service.settings.stuck_after_s - (datetime.now(UTC) - waits.since).total_seconds()
            if left_s > 0:
                detail = f"it waits for {step.value} since {waits.since.isoformat(timespec='seconds')}: not for long"
                headers = {"Retry-After": str(max(1, round(left_s)))}
                raise ProblemError(HTTPStatus.CONFLICT, "under-way", detail, headers=headers)
        work.record(new_event(RetryRequested(step=step), subject=item_id, tenant_id=caller.tenant_id, cause=caller))
        keep(work.connection, step)
    return step
