"""The unit of work: a handler's effects, its inbox row and the events it emits commit in one transaction."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chassis import forgotten, inbox, store, tombstones
from chassis.beside import Beside
from chassis.bus import Bus
from chassis.database import Connection, Database
from chassis.errors import AlreadyAppliedError, TenantForgottenError
from chassis.observability import logger
from chassis.outbox import GRACE_S, publish
from chassis.projections import Projections
from contracts import Contract, Event
from contracts.ingest import TenantForgotten

__all__ = [
    "Complete",
    "UnitOfWork",
    "UnitsOfWork",
]


class UnitOfWork:
    """An open transaction that holds the lock of one subject (item, session) of one tenant."""

    def __init__(
        self,
        connection: Connection,
        tenant_id: str,
        subject: str,
        projections: Projections,
        beside: Beside | None = None,
        beside_projections: Projections | None = None,
    ) -> None:
        self.connection = connection
        self.tenant_id = tenant_id
        self.subject = subject
        self.recorded: list[tuple[int, dict[str, Any]]] = []
        self.recorded_since = math.inf
        self._projections = projections
        self._beside = beside
        self._beside_projections = beside_projections or projections

    def record(self, *events: Event[Contract], expected_version: int | None = None) -> list[Event[Contract]]:
        """Append facts about the subject and fold them; they go to the bus right after the commit.

        Raises like `store.append`.
        """
        self.recorded_since = min(self.recorded_since, time.monotonic())
        appended = store.append(self.connection, events, expected_version=expected_version)
        self.recorded += [(position, event.to_wire()) for position, event in appended]
        for _, event in appended:
            self.fold(event)
        return [event for _, event in appended]

    def fold(self, event: Event[Contract]) -> None:
        """Bring the service's projections up to date with the event, and the tables of a rebuild beside them."""
        beside = self._beside
        if beside is None or not beside.is_filled_by(event):
            self._projections.fold(self.connection, event)
        if beside is not None:
            beside.fold(self.connection, self._beside_projections, event)

    def is_deleted(self) -> bool:
        """Whether the subject carries a tombstone."""
        return tombstones.is_deleted(self.connection, self.tenant_id, self.subject)


#: What is left of a reaction for the unit of work: it records what followed from the event.
Complete = Callable[[UnitOfWork], None]


class UnitsOfWork:
    """Opens units of work on one database and publishes what they record."""

    def __init__(
        self, database: Database, bus: Bus, projections: Projections, beside: Projections | None = None
    ) -> None:
        """`beside` are the projections for a rebuild's tables, where not all that they fold into is in the database."""
        self.database = database
        self.bus = bus
        self.projections = projections
        self._beside = beside or projections

    @contextmanager
    def on(self, tenant_id: str, subject: str, *, alone: bool = False) -> Iterator[UnitOfWork]:
        """A unit of work that no event caused (an HTTP request, a schedule).

        One that is `alone` waits until every other of the tenant has ended, and may be about that they are forgotten.

        Raises:
            TenantForgottenError: the tenant is forgotten, and it is not alone.
        """
        with self.database.transaction() as connection:
            # Taken before the first write, so that a stream's events also come out of `read_all` in their order.
            beside = store.lock(connection, tenant_id, subject, whole_tenant=alone)
            if not alone and forgotten.is_forgotten(connection, tenant_id):
                raise TenantForgottenError("the tenant is forgotten")
            work = UnitOfWork(connection, tenant_id, subject, self.projections, beside, self._beside)
            yield work
        if time.monotonic() - work.recorded_since > GRACE_S / 2:
            # The relay may take them at any moment: of two publishers one has to stand back.
            logger.warning("left to the relay", extra={"events": len(work.recorded), "error": "a slow transaction"})
            return
        publish(self.database, self.bus, work.recorded)

    @contextmanager
    def applying(self, event: Event[Contract]) -> Iterator[UnitOfWork]:
        """A unit of work caused by an event; the inbox makes its effects happen once.

        Raises:
            AlreadyAppliedError: they happened before; the block is not entered.
        """
        try:
            with self.on(event.tenant_id, event.subject, alone=_forgets(event)) as work:
                if not inbox.add(work.connection, event):
                    raise AlreadyAppliedError(event.id)
                yield work
        except TenantForgottenError:
            with self.database.transaction() as connection:
                _note_dropped(connection, [event])
            raise

    def applied(self, events: Sequence[Event[Contract]]) -> set[tuple[str, str]]:
        """Deliveries with nothing left to do, as (event id, replay id): applied before, or of a forgotten tenant.

        Raises:
            TransientError: the database does not answer.
        """
        with self.database.transaction() as connection:
            late = forgotten.forgotten(connection, {event.tenant_id for event in events})
            dropped = [event for event in events if event.tenant_id in late and not _forgets(event)]
            _note_dropped(connection, dropped)
            return inbox.applied(connection, events) | {(event.id, event.replay_id or "") for event in dropped}


def _note_dropped(connection: Connection, events: Sequence[Event[Contract]]) -> None:
    """Whoever waits for a replay's deliveries (a rebuild) counts those that are dropped too."""
    for event in events:
        if event.replay_id is not None:
            inbox.add(connection, event)


def _forgets(event: Event[Contract]) -> bool:
    return isinstance(event.data, TenantForgotten)
