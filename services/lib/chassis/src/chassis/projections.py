"""Projections: events folded into a service's tables.

A fold is deterministic and writes to the service's own tables only: it calls no provider, touches no object and emits
nothing. Folding the same events in any order, any number of times, leaves the same rows. What follows from an event
(a provider's call, an object, a new event) is a reaction; see `chassis.queue`.

Whatever a service records is folded in the same transaction, and so is every event that it consumes. That makes each
table reproducible: empty it, fold the service's own events and those it consumes, and the rows are there again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis import erasure, forgotten, idempotency, tombstones
from chassis.database import Connection
from contracts import Contract, Event
from contracts.ingest import TenantForgotten

__all__ = ["Fold", "Projections"]

#: What is left of a tenant is deleted whole; the reaction has deleted most of it before, a page at a time.
_ALL = 2**31
#: Folds an event into tables, in the caller's transaction, under the lock of the event's subject.
Fold = Callable[[Connection, Event[Any]], None]


@dataclass(frozen=True)
class Projections:
    """The folds of one service by the contract they read.

    `deletions` are those of events that end their subject for good: they leave a tombstone, and whatever is folded of
    that subject from then on changes nothing. What the service has recorded about it is erased, and so is what it
    records later.
    """

    folds: Mapping[type[Contract], Fold] = field(default_factory=dict)
    deletions: Mapping[type[Contract], Fold] = field(default_factory=dict)

    @property
    def contracts(self) -> tuple[type[Contract], ...]:
        """The event types that have a fold."""
        return (*self.folds, *self.deletions)

    def fold(self, connection: Connection, event: Event[Contract]) -> None:
        """Fold the event; one without a fold changes nothing."""
        contract = type(event.data)
        if contract is TenantForgotten:
            forgotten.mark(connection, event)
            forgotten.delete(connection, event.tenant_id, limit=_ALL)
        elif contract in self.deletions:
            tombstones.mark_deleted(connection, event)
            idempotency.forget(connection, event.tenant_id, event.subject)
            self.deletions[contract](connection, event)
            erasure.erase_stream(connection, event.tenant_id, event.subject)
        elif self.deletions and tombstones.is_deleted(connection, event.tenant_id, event.subject):
            erasure.erase_stream(connection, event.tenant_id, event.subject)
        elif contract in self.folds:
            self.folds[contract](connection, event)
