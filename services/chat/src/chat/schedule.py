"""What the service does by the clock."""

from chassis.schedule import relay_entry
from chat.bootstrap import service

relay = relay_entry(service)
