"""Asking for a rebuild: it is recorded at once, and done by the function that consumes the request."""

import uuid
from datetime import UTC, datetime

from chassis.http import Caller
from chassis.work import UnitsOfWork
from contracts import new_event
from contracts.embedding import RebuildRequested
from embedding.repository import documents, rebuilds
from embedding.repository.rebuilds import Rebuild


def request_rebuild(work: UnitsOfWork, caller: Caller, model: str) -> tuple[Rebuild, bool]:
    """The rebuild, and whether it is a new one: while one with that model is under way there is no other."""
    # One lock per tenant: two concurrent requests start one rebuild.
    with work.on(caller.tenant_id, "vector-index") as unit:
        running = rebuilds.running(unit.connection, caller.tenant_id, model)
        if running is not None:
            return running, False
        rebuild_id, total = str(uuid.uuid4()), documents.counts(unit.connection, caller.tenant_id).analysed
        created_at = datetime.now(UTC)
        rebuilds.add(unit.connection, caller.tenant_id, rebuild_id, model, total, created_at)
        unit.record(
            new_event(
                RebuildRequested(model=model, total=total),
                subject=rebuild_id,
                tenant_id=caller.tenant_id,
                cause=caller,
                time=created_at,
            )
        )
    return Rebuild(rebuild_id, model, "running", total, 0, 0, created_at, None), True
