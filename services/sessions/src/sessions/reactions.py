"""What follows from a completed turn: of too many conversations the oldest end."""

from contracts import Event
from contracts.chat import TurnCompleted
from sessions.bootstrap import SessionsService
from sessions.expiry import expire_superfluous


def enforce_limit(service: SessionsService, event: Event[TurnCompleted]) -> None:
    """End the user's conversations beyond the limit, this turn's included; those that ended before stay ended.

    Raises `TransientError` when a store does not answer; the event comes back and the rest ends then.
    """
    expire_superfluous(service, event)
