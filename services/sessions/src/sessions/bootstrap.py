"""The service's real dependencies."""

from functools import cached_property

from chassis.aws import Aws
from chassis.projections import Projections
from chassis.service import Service
from sessions.projections import projections
from sessions.settings import SessionsSettings
from sessions.table import SessionTable


class SessionsService(Service[SessionsSettings]):
    """The dependencies of the entry points."""

    @cached_property
    def table(self) -> SessionTable:
        """The DynamoDB table."""
        return SessionTable(self.aws.dynamodb, self.settings.table_sessions)

    @cached_property
    def projections(self) -> Projections:
        """See `sessions.projections`."""
        return projections(self.table, self.settings)


def bootstrap(settings: SessionsSettings | None = None, aws: Aws | None = None) -> SessionsService:
    """The service; without arguments as the environment describes it."""
    return SessionsService(settings or SessionsSettings(), aws or Aws())
