"""The service's dependencies, made once a process."""

from chassis.service import Service
from ingest.settings import IngestSettings

service = Service(IngestSettings())
