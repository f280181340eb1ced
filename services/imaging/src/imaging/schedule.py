"""What the service does by the clock."""

from chassis.schedule import relay_entry
from imaging.bootstrap import service

relay = relay_entry(service)
