"""A service in memory, for unit tests of its entry points: no server, no socket, no SQL.

Units of work, event store, consumers, bus and buckets are the real code; what is below them is fake: the AWS clients
(`FakeAws`), and each function of the chassis or of a `repository` module that executes SQL. `faults` is for integration
tests, where real servers fail.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

import pytest

from chassis import budgets, erasure, forgotten, idempotency, inbox, outbox, retention, store, tombstones
from chassis.database import Connection
from chassis.queue import DeadLetter
from chassis.rebuilds import rows as rebuilds
from chassis.replays import rows as replays
from chassis.service import Service
from contracts import Contract, Event, new_event
from testkit.contract_tests.examples import published_version_cases
from testkit.fakes.aws import FakeAws, FakeObject
from testkit.fakes.schema import (
    FakeBudgets,
    FakeConnection,
    FakeDatabase,
    FakeErasure,
    FakeForgotten,
    FakeIdempotency,
    FakeInbox,
    FakeOutbox,
    FakeRebuilds,
    FakeReplays,
    FakeRetention,
    FakeStore,
    FakeTombstones,
)
from testkit.invoking import dead_letters
from workspace import REPOSITORY

__all__ = [
    "CORRELATION_ID",
    "SETTINGS",
    "TRACED",
    "TRACE_ID",
    "Fact",
    "FakeAws",
    "FakeConnection",
    "FakeDatabase",
    "FakeObject",
    "Fakes",
    "caused",
    "example",
    "fakes",
    "requested",
]

T = TypeVar("T")
C = TypeVar("C", bound=Contract)
S = TypeVar("S", bound=Service[Any])

#: Keyword arguments for a service's settings.
SETTINGS: dict[str, Any] = {
    "function": "test",
    "event_bus": "bus",
    "images_bucket": "images",
    "parameter_prefix": "/test",
    "queue_url": "queue",
    "dead_letter_queue_url": "dead-letters",
    "max_receives": 3,
    "secrets_max_age_s": 0,
}

CORRELATION_ID = "correlation-1"
TRACE_ID = "a" * 32
#: Headers of a request whose correlation id and trace are known.
TRACED = {"x-correlation-id": CORRELATION_ID, "traceparent": f"00-{TRACE_ID}-{'b' * 16}-01"}


@dataclass(frozen=True)
class Fact:
    """What of an event does not differ from run to run: all but its id, time and span."""

    data: Contract
    tenant_id: str
    subject: str
    sequence: int
    correlation_id: str
    causation_id: str | None = None
    trace_id: str | None = None

    @classmethod
    def of(cls, event: Event[Contract]) -> Fact:
        """That of an event."""
        return cls(
            event.data,
            event.tenant_id,
            event.subject,
            event.sequence,
            event.correlation_id,
            event.causation_id,
            event.traceparent.split("-")[1] if event.traceparent else None,
        )


def caused(data: Contract, by: Event[Any], *, sequence: int = 1, subject: str | None = None) -> Fact:
    """What a consumer records about the subject of the event that caused it, or about another of the same tenant."""
    cause = Fact.of(by)
    return Fact(data, by.tenant_id, subject or by.subject, sequence, by.correlation_id, by.id, cause.trace_id)


def requested(data: Contract, tenant: str, subject: str, *, sequence: int = 1) -> Fact:
    """What a route records for a request with the headers `TRACED`."""
    return Fact(data, tenant, subject, sequence, CORRELATION_ID, None, TRACE_ID)


def example(contract: type[C], *, subject: str, tenant: str, **changes: Any) -> Event[C]:
    """A new event with the data of a golden example of the contract's version, apart from the changes."""
    *_, current = published_version_cases(REPOSITORY / "contracts", contract.event_type)
    data = next(iter(current.documents().values()))["data"]
    return new_event(
        contract.model_validate(data | changes),
        subject=subject,
        tenant_id=tenant,
        correlation_id=CORRELATION_ID,
        traceparent=TRACED["traceparent"],
    )


@dataclass
class Fakes:
    """What a service runs on."""

    patch: pytest.MonkeyPatch
    aws: FakeAws = field(default_factory=FakeAws)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    inbox: FakeInbox = field(default_factory=FakeInbox)
    tombstones: FakeTombstones = field(default_factory=FakeTombstones)
    forgotten: FakeForgotten = field(default_factory=FakeForgotten)
    idempotency: FakeIdempotency = field(default_factory=FakeIdempotency)
    retention: FakeRetention = field(default_factory=FakeRetention)

    def __post_init__(self) -> None:
        self.store = FakeStore(self.outbox)
        self.erasure = FakeErasure(self.store)
        self.replays = FakeReplays(self.store, self.tombstones, self.forgotten)
        self.budgets = FakeBudgets()
        self.database = FakeDatabase()
        for module, fake in (
            (store, self.store),
            (inbox, self.inbox),
            (outbox, self.outbox),
            (tombstones, self.tombstones),
            (idempotency, self.idempotency),
            (erasure, self.erasure),
            (forgotten, self.forgotten),
            (retention, self.retention),
            (replays, self.replays),
            (rebuilds, FakeRebuilds()),
            (budgets, self.budgets),
        ):
            self.stand_in(module, fake)

    def stand_in(self, module: ModuleType, fake: T) -> T:
        """Let the public methods of the fake take the place of the module's functions of the same names.

        Its attributes are what the database holds: they are rolled back with a transaction.
        """
        for name, method in inspect.getmembers(fake, inspect.ismethod):
            if not name.startswith("_"):
                assert _parameters(method) == _parameters(getattr(module, name)), f"{module.__name__}.{name} differs"
                self.patch.setattr(module, name, method)
        self.database.tables.append(fake)
        return fake

    def under(self, service: S) -> S:
        """The service, with its database in memory. Its AWS environment is what it was given."""
        vars(service)["database"] = self.database  # where a cached property keeps what it was built
        return service

    def put_secret(self, name: str, value: str) -> None:
        """Create or change a secret of the service."""
        self.aws.ssm.parameters[f"{SETTINGS['parameter_prefix']}/{name}"] = value

    @property
    def connection(self) -> Connection:
        """For calling a fake of a `repository` module."""
        return self.database.connection()

    @property
    def recorded(self) -> list[Fact]:
        """What was committed to the event store, in order."""
        return [Fact.of(event) for event in self.store.events]

    @property
    def published(self) -> list[str]:
        """Ids of the events on the bus, in order."""
        ids: list[str] = []
        for entry in self.aws.events.entries:
            detail = json.loads(entry["Detail"])
            assert entry["EventBusName"] == SETTINGS["event_bus"]
            assert (entry["Source"], entry["DetailType"]) == (detail["source"], detail["type"])
            ids.append(detail["id"])
        return ids

    @property
    def replayed(self) -> list[dict[str, Any]]:
        """The events on the bus that are addressed to one consumer, in order."""
        details = [json.loads(entry["Detail"]) for entry in self.aws.events.entries]
        return [detail for detail in details if "replayfor" in detail]

    def dead_letters(self) -> list[DeadLetter]:
        """The dead letters since the last look."""
        return dead_letters(self.aws.sqs, SETTINGS["dead_letter_queue_url"])


def _parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """What a service runs on, in memory."""
    return Fakes(monkeypatch)
