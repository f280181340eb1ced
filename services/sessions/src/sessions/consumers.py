"""The queue's entry point: which event goes to which reaction. Projections follow by themselves."""

from functools import partial

from chassis.queue import EventConsumer, forgets, on
from contracts.chat import TurnCompleted, TurnsErased
from sessions import reactions
from sessions.bootstrap import SessionsService


def on_events(service: SessionsService) -> EventConsumer:
    """Completed turns."""
    # The turn first, without waiting for what it crowds out: other conversations end under locks of their own.
    return EventConsumer(
        service,
        [
            on(TurnCompleted, partial(reactions.enforce_limit, service), fold_first=True),
            on(TurnsErased),
            forgets(service),
        ],
    )
