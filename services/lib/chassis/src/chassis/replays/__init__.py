"""Replays: stored events are published once more, to one consumer, as operators order it by events.

`on_replays` is the entry point of the function that every service with events has. It takes up the order, and works on
it step by step: each step ends with a report (`replay-progressed`), and the report's delivery begins the next. What is
published is saved page by page, so a step that dies is taken up by the next delivery where it stopped; what was
published of the page twice, the consumer's inbox finds.

`rows` has the statements, `pages` reads and publishes, `pace` says when, and `answer` is what operators ask.
"""

# First: it must find pydantic not yet imported.
import chassis.queue  # noqa: F401
from chassis.replays.asking import answer
from chassis.replays.orders import on_replays

__all__ = ["answer", "on_replays"]
