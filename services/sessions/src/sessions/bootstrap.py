"""The service's real dependencies."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property

from chassis.aws import Aws
from chassis.backlog import backlog
from chassis.items import Items
from chassis.projections import Projections
from chassis.retention import Rule
from chassis.service import Service
from sessions.auditing import AuditedItems
from sessions.projections import projections
from sessions.repository import conversations
from sessions.settings import SessionsSettings
from sessions.table import NoTable, SessionTable


class SessionsService(Service[SessionsSettings]):
    """The dependencies of the entry points."""

    @property
    def retention(self) -> Sequence[Rule]:
        """Clean-ups too: one row an hour, of which the latest is shown."""
        return (*super().retention, Rule("cleanups", "started_at", timedelta(days=90)))

    @cached_property
    def table(self) -> SessionTable:
        """The DynamoDB table."""
        return SessionTable(self.aws.dynamodb, self.settings.table_sessions)

    @cached_property
    def projections(self) -> Projections:
        """See `sessions.projections`."""
        return projections(self.table, self.settings)

    @property
    def database_projections(self) -> Projections:
        """The folds without the table: there is no second one, and operators' functions may not write to it."""
        return projections(NoTable(), self.settings)

    @property
    def items(self) -> Items:
        """The table, for an audit."""
        return AuditedItems(self.table, self.settings)

    def count_items(self, tenant_id: str) -> Counter[str]:
        """Those of every conversation, of every id that was ever used."""
        return +Counter({"items of sessions": sum(self.table.count(tenant_id, each) for each in self._ids(tenant_id))})

    def erase_items(self, tenant_id: str) -> None:
        """Every conversation's items, of every id that was ever used."""
        for session_id in self._ids(tenant_id):
            self.table.erase(tenant_id, session_id)

    def _ids(self, tenant_id: str) -> list[str]:
        with self.database.transaction() as connection:
            return list(conversations.ids(connection, tenant_id))

    def waiting_turns(self) -> int:
        """How many turns have not been heard yet; more than none for long when the consumer does not run."""
        return backlog(self.aws.sqs, self.settings.backlog_queue_url)


def bootstrap(settings: SessionsSettings | None = None, aws: Aws | None = None) -> SessionsService:
    """The service; without arguments as the environment describes it."""
    return SessionsService(settings or SessionsSettings(), aws or Aws())
