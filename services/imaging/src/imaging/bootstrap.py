"""The service's dependencies, made once a process."""

from chassis.config import Settings
from chassis.service import Service

service = Service(Settings())
