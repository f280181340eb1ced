"""What the service does by the clock."""

from chassis.schedule import relay_entry, scheduled
from sessions.bootstrap import service, table
from sessions.lifecycle import Lifecycle

cleanup = scheduled("cleanup", Lifecycle(service, table).clean_up)
relay = relay_entry(service)
