"""The entry points of queues: batches of messages become typed events that are folded and reacted to."""

from chassis.errors import PoisonError
from chassis.queue.consumer import EventConsumer
from chassis.queue.dead_letters import DeadLetter
from chassis.queue.decoding import decode
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
    "on",
]
