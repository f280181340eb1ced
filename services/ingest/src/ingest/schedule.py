"""The Lambda entry point `relay`: publishes what a crash left in the outbox."""

from chassis.schedule import relay_entry
from ingest.bootstrap import service

relay = relay_entry(service)
