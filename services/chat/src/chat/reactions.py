"""Reactions to the end of a conversation: the agent's memory of it is deleted.

This runs within the unit of work, as it is rare and bounded: a new conversation under the same id cannot claim the
lease, and so cannot write, before it ends.
"""

from chassis.work import Complete, UnitOfWork
from chat.checkpoints import CheckpointTable, thread_id
from chat.repository import agent_memory, conversations
from contracts import Event
from contracts.sessions import SessionDeleted, SessionExpired


def end_deleted(checkpoints: CheckpointTable, event: Event[SessionDeleted]) -> Complete:
    """Delete the memory of the conversation, and revoke the lease of a turn in progress, whose answer is discarded."""
    return lambda work: _delete_memory(checkpoints, work, spare_leased=False)


def end_expired(checkpoints: CheckpointTable, event: Event[SessionExpired]) -> Complete:
    """Delete the memory of the conversation, unless it was continued since or a turn is in progress."""
    return lambda work: _delete_memory(checkpoints, work, spare_leased=True)


def _delete_memory(checkpoints: CheckpointTable, work: UnitOfWork, *, spare_leased: bool) -> None:
    keys = (work.tenant_id, work.subject)
    is_active = conversations.completed_turns(work.connection, *keys) > 0
    if not is_active and agent_memory.delete(work.connection, *keys, spare_leased=spare_leased):
        checkpoints.delete(thread_id(*keys))
