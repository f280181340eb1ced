"""What the service hears."""

from chassis.consumer import EventConsumer, on
from contracts.chat import TurnCompleted
from sessions.bootstrap import service, table
from sessions.lifecycle import Lifecycle

on_events = EventConsumer(service, [on(TurnCompleted, Lifecycle(service, table).add_turn)])
