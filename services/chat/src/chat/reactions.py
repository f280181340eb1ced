"""What follows from the end of a conversation: the agent's memory of it is deleted.

That happens within the unit of work, rare and bounded as it is: a new conversation under the same id cannot claim, and
so not write, before it ends.
"""

from chassis.work import Complete, UnitOfWork
from chat.checkpoints import CheckpointTable, thread_id
from chat.repository import agent_memory, conversations
from contracts import Event
from contracts.sessions import SessionDeleted, SessionExpired


def end_deleted(checkpoints: CheckpointTable, event: Event[SessionDeleted]) -> Complete:
    """Delete the memory of the conversation, and take the lease of a turn under way, whose answer will not be kept."""
    return lambda work: _delete_memory(checkpoints, work, spare_leased=False)


def end_expired(checkpoints: CheckpointTable, event: Event[SessionExpired]) -> Complete:
    """Delete the memory of the conversation, unless it has gone on since or a turn is under way."""
    return lambda work: _delete_memory(checkpoints, work, spare_leased=True)


def _delete_memory(checkpoints: CheckpointTable, work: UnitOfWork, *, spare_leased: bool) -> None:
    keys = (work.tenant_id, work.subject)
    stands = conversations.completed_turns(work.connection, *keys) > 0
    if not stands and agent_memory.delete(work.connection, *keys, spare_leased=spare_leased):
        checkpoints.delete(thread_id(*keys))
