"""Tables beside the live ones, which a rebuild fills while traffic goes on: see `chassis.rebuilds`.

They have the names of the live ones, in a schema of their own: `<schema>_next` until the switch, and
`<schema>_previous` after it. A fold reaches them by the search path, so folds know nothing of rebuilds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from chassis.database import Connection
from chassis.errors import PermanentError, TransientError
from chassis.observability import logger
from chassis.projections import Projections
from chassis.tables import next_of, previous_of
from contracts import Contract, Event
from contracts.ingest import TenantForgotten

__all__ = ["FOLDING", "SWITCHED", "Beside"]

#: States of a rebuild in which there are tables beside the live ones.
FOLDING, SWITCHED = "folding", "switched"


@dataclass(frozen=True, slots=True)
class Beside:
    """The rebuild that is alive while a unit of work runs; `tenants` and `subjects` narrow it, none are all."""

    rebuild_id: str
    state: str
    tenants: tuple[str, ...]
    subjects: tuple[str, ...]
    schema: str

    @classmethod
    def of(cls, row: Mapping[str, Any] | None) -> "Beside | None":
        """That of the row which `store.lock` reads; None when no rebuild is alive."""
        if row is None or row["rebuild_id"] is None:
            return None
        return cls(row["rebuild_id"], row["state"], tuple(row["tenants"]), tuple(row["subjects"]), row["schema"])

    def is_filled_by(self, event: Event[Contract]) -> bool:
        """Whether the event was published once more for these tables, and the live ones have it already."""
        return self.state == FOLDING and event.replay_id == self.rebuild_id

    def fold(self, connection: Connection, projections: Projections, event: Event[Contract]) -> None:
        """Fold the event into the tables beside as well.

        What fails here alone does not harm live traffic: the rebuild notes it, and will not be switched to or back.
        Of an event that is replayed for these tables, a passing fault is raised; one that is refused for good was
        refused live too.
        """
        if not self._concerns(event):
            return
        _enter(connection, self.schema, next_of(self.schema) if self.state == FOLDING else previous_of(self.schema))
        try:
            projections.fold(connection, event)
        except (TransientError, psycopg.OperationalError):
            raise  # nothing of the unit of work is committed
        except Exception as error:
            if self.is_filled_by(event) and not isinstance(error, PermanentError):
                raise
            connection.execute("ROLLBACK TO beside")
            logger.exception("not folded beside", extra={"rebuild": self.rebuild_id, "event": event.id})
            if not self.is_filled_by(event):
                self._fail(connection, f"{type(error).__name__} of the event {event.id}")
        else:
            _leave(connection, self.schema)

    def _concerns(self, event: Event[Contract]) -> bool:
        if self.tenants and event.tenant_id not in self.tenants:
            return False
        # What forgets a tenant is about each of the tenant's items.
        return not self.subjects or event.subject in self.subjects or isinstance(event.data, TenantForgotten)

    def _fail(self, connection: Connection, failure: str) -> None:
        connection.execute(
            "UPDATE projection_rebuilds SET failure = coalesce(failure, %s) WHERE rebuild_id = %s",
            (failure, self.rebuild_id),
        )


def _enter(connection: Connection, schema: str, beside: str) -> None:
    path = sql.SQL("SAVEPOINT beside; SET LOCAL search_path = {}, {}, public")
    connection.execute(path.format(sql.Identifier(beside), sql.Identifier(schema)), prepare=False)


def _leave(connection: Connection, schema: str) -> None:
    path = sql.SQL("SET LOCAL search_path = {}, public; RELEASE beside")
    connection.execute(path.format(sql.Identifier(schema)), prepare=False)
