"""Conversations that quote items which are deleted: from the first such turn on, what was said is erased.

Later turns may repeat it from memory. So they are erased with it, and the memory too: the conversation goes on, and the
agent starts again. `turns-erased` tells sessions, whose history shows `***` instead.
"""

from collections.abc import Sequence
from datetime import datetime

from chassis import erasure, idempotency, store
from chassis.work import UnitOfWork
from chat.bootstrap import ChatService
from chat.checkpoints import CheckpointTable, thread_id
from chat.repository import agent_memory, quotations
from contracts import Event, new_event
from contracts.chat import ErasedTurn, TurnCompleted, TurnsErased
from contracts.ingest import ItemDeleted


def erase_quotes(service: ChatService, event: Event[ItemDeleted]) -> None:
    """Erase what conversations quote of the item, each in a unit of work of its own.

    The deletion is folded before: a turn that is completed from then on looks for it itself.
    """
    # Alone: a turn that has not seen the deletion is committed by now.
    with service.work.on(event.tenant_id, event.subject, alone=True) as work:
        sessions = quotations.of_item(work.connection, event.tenant_id, event.subject)
    for session_id in sessions:
        with service.work.on(event.tenant_id, session_id) as work:
            erase_if_deleted(work, service.checkpoints, [event.subject], event)


def erase_if_deleted(
    work: UnitOfWork, checkpoints: CheckpointTable, item_ids: Sequence[str], cause: Event[ItemDeleted | TurnCompleted]
) -> None:
    """Erase what the conversation of the unit of work says since it quotes the first of these that is deleted."""
    keys = (work.tenant_id, work.subject)
    since = quotations.of_deleted_items(work.connection, *keys, item_ids)
    if since is None:
        return
    turns = _turns(work, since)
    erasure.erase_stream(work.connection, *keys, since=since)
    idempotency.forget(work.connection, *keys)
    quotations.delete(work.connection, *keys, item_ids)
    work.record(new_event(TurnsErased(turns=turns), subject=work.subject, tenant_id=work.tenant_id, cause=cause))
    # Last, and in the transaction: if the table does not answer, all of it is done again.
    agent_memory.blank(work.connection, *keys)
    checkpoints.delete(thread_id(*keys))


def _turns(work: UnitOfWork, since: datetime) -> tuple[ErasedTurn, ...]:
    stream = store.read_stream(work.connection, work.tenant_id, work.subject)
    return tuple(
        ErasedTurn(turn=event.data.turn, completed_at=event.time)
        for event in stream
        if isinstance(event.data, TurnCompleted) and event.time >= since
    )
