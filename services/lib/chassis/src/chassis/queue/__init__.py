"""The entry points of queues: batches of messages become typed events that are folded and reacted to."""

# First of all: once pydantic is imported, this imports powertools' models of every kind of event as well (30 ms).
import aws_lambda_powertools.utilities.batch  # noqa: F401

from chassis.errors import PoisonError
from chassis.queue.consumer import EventConsumer
from chassis.queue.dead_letters import DeadLetter
from chassis.queue.decoding import decode
from chassis.queue.forgets import forgets
from chassis.queue.messages import MessageConsumer
from chassis.queue.retry import attempt
from chassis.queue.subscriptions import Subscription, on

__all__ = [
    "DeadLetter",
    "EventConsumer",
    "MessageConsumer",
    "PoisonError",
    "Subscription",
    "attempt",
    "decode",
    "forgets",
    "on",
]
