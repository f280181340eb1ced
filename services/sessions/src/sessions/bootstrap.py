"""The service's dependencies, made once a process; connects to nothing."""

from chassis.service import Service
from sessions.config import SessionsSettings
from sessions.table import SessionTable

service = Service(SessionsSettings())
table = SessionTable(service.settings.table_sessions)
