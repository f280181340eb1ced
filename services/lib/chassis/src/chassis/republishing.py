"""Sends a recorded event to one consumer once more, because somebody asked for it."""

from typing import Any

from chassis import store, tombstones
from chassis.errors import TransientError
from chassis.observability import logger
from chassis.service import Service
from contracts import Contract, Event, ReplayKind, replayed

__all__ = ["republish"]


def republish(service: Service[Any], request: Event[Contract], contract: type[Contract], consumer: str) -> None:
    """Put the newest event of that contract about the request's subject on the bus, for that consumer to react to.

    It is a replay with the request's id: however often the request is delivered, the consumer reacts once. Of a deleted
    subject nothing is sent, and where no such event is recorded there is nothing to send.

    Raises:
        TransientError: the bus or the database does not answer, or the bus refused it.
    """
    with service.database.transaction() as connection:
        if tombstones.is_deleted(connection, request.tenant_id, request.subject):
            return
        stream = store.read_stream(connection, request.tenant_id, request.subject)
    recorded = [event for event in stream if isinstance(event.data, contract)]
    if not recorded:
        logger.warning("nothing to send again", extra={"type": contract.event_type, "consumer": consumer})
        return
    again = replayed(recorded[-1], replay_id=request.id, replay_for=consumer, kind=ReplayKind.REPROCESS)
    for refusal in service.bus.put([again.to_wire()]):
        if refusal is not None:
            raise TransientError(f"the bus refused it: {refusal.reason}")
