"""A service's Postgres schema in memory. Transactions commit and roll back; SQL is not understood.

The chassis' tables are here. What a service keeps beside them, its tests give by fakes of its `repository` modules.
"""

from __future__ import annotations

import copy
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn, cast

import pytest

from chassis.budgets import Outcome, Reservation, Spending
from chassis.bus import Wire
from chassis.database import Connection, Database
from chassis.errors import ConcurrencyError, TransientError
from chassis.idempotency import Kept, RequestKey
from chassis.outbox import Failure, Parked, Waiting
from chassis.replays.rows import NOTHING, Looked, Replay
from chassis.retention import Rule
from chassis.store import Checkpoint
from contracts import REGISTRY, Contract, Event
from contracts.operations import ReplayState, Selection

Key = tuple[str, str]


class FakeConnection:
    """An open transaction; a statement that no fake stands in for fails the test, whatever the code catches."""

    def execute(self, statement: object, *_: object) -> NoReturn:
        pytest.fail(f"a unit test reached the database: {' '.join(str(statement).split())[:80]}")

    def __getattr__(self, name: str) -> NoReturn:
        pytest.fail(f"a unit test reached the database: connection.{name}")


class FakeDatabase(Database):
    """Transactions over `tables`: any objects whose attributes hold rows that are replaced, never changed."""

    def __init__(self, *tables: object) -> None:
        self.tables = list(tables)
        self.is_open = False
        self._until_failure: int | None = None

    def fail(self, *, after: int = 0) -> None:
        """One transaction finds no server: the next, or the one after that many others."""
        self._until_failure = after

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        if self._until_failure is not None:
            self._until_failure -= 1
            if self._until_failure < 0:
                self._until_failure = None
                raise TransientError("database: OperationalError")
        if self.is_open:
            pytest.fail("a transaction begins within another: a service has one connection")
        before = [_contents(table) for table in self.tables]
        self.is_open = True
        try:
            yield self.connection()
        except BaseException:
            for table, contents in zip(self.tables, before, strict=True):
                vars(table).update(contents)
            raise
        finally:
            self.is_open = False

    def connection(self) -> Connection:
        return cast("Connection", FakeConnection())

    def fresh_connection(self) -> Connection:
        return self.connection()

    def close(self) -> None:
        """There is nothing to close."""


def _contents(table: object) -> dict[str, Any]:
    return {name: copy.copy(value) for name, value in vars(table).items() if isinstance(value, dict | list | set)}


@dataclass
class FakeOutbox:
    """Of `chassis.outbox`. Everything has waited long enough, and is claimed by nobody else."""

    documents: dict[int, dict[str, Any]] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    parked_rows: dict[int, Parked] = field(default_factory=dict)

    def claim(self, connection: Connection, *, grace_s: float, limit: int, but: Sequence[int] = ()) -> list[Waiting]:
        rows = [
            Waiting(position, document, self.attempts.get(position, 0))
            for position, document in self.documents.items()
            if position not in but and position not in self.parked_rows
        ]
        return sorted(rows, key=lambda row: (max(row.attempts, 1), row.position))[:limit]

    def delete(self, connection: Connection, positions: Sequence[int]) -> None:
        for position in positions:
            self.documents.pop(position, None)

    def release(self, connection: Connection, positions: Sequence[int]) -> None:
        """Nothing is held."""

    def fail(self, connection: Connection, failures: Mapping[int, Failure]) -> list[Parked]:
        parked = []
        for position, failure in failures.items():
            self.attempts[position] = attempts = self.attempts.get(position, 0) + 1
            if failure.park_at is not None and attempts >= failure.park_at:
                document = self.documents[position]
                row = Parked(position, document["id"], document["type"], attempts, failure.reason, datetime.now(UTC))
                self.parked_rows[position] = row
                parked.append(row)
        return parked

    def parked(self, connection: Connection, *, after: int = 0, limit: int = 100) -> list[Parked]:
        return [row for position, row in sorted(self.parked_rows.items()) if position > after][:limit]

    def count_parked(self, connection: Connection) -> int:
        return len(self.parked_rows)

    def retry_parked(self, connection: Connection, event_ids: Sequence[str]) -> int:
        positions = [position for position, row in self.parked_rows.items() if row.event_id in event_ids]
        for position in positions:
            del self.parked_rows[position]
            self.attempts[position] = 0
        return len(positions)


@dataclass
class FakeRetention:
    """Of `chassis.retention`: nothing is old."""

    asked: list[Rule] = field(default_factory=list)

    def delete_old(self, connection: Connection, rule: Rule, *, limit: int) -> int:
        self.asked = [*self.asked, rule]
        return 0


@dataclass
class FakeStore:
    """Of `chassis.store`. `locks` are the streams that were locked, in order."""

    outbox: FakeOutbox
    events: list[Event[Contract]] = field(default_factory=list)
    locks: list[Key] = field(default_factory=list)

    def insert(self, connection: Connection, wires: Sequence[Wire]) -> list[int]:
        documents = [json.loads(wire.detail) for wire in wires]
        events = [REGISTRY.read(document) for document in documents]
        taken = {(event.tenant_id, event.subject, event.sequence) for event in self.events}
        if any((event.tenant_id, event.subject, event.sequence) in taken for event in events):
            raise ConcurrencyError(f"stream {events[0].subject} is at another version")
        self.events += events
        positions = list(range(len(self.events) - len(events) + 1, len(self.events) + 1))
        self.outbox.documents |= dict(zip(positions, documents, strict=True))
        return positions

    def lock(self, connection: Connection, tenant_id: str, stream_id: str, *, whole_tenant: bool = False) -> None:
        self.locks.append((tenant_id, stream_id))

    def stream_version(self, connection: Connection, tenant_id: str, stream_id: str) -> int:
        return max((event.sequence for event in self.read_stream(connection, tenant_id, stream_id)), default=0)

    def read_stream(self, connection: Connection, tenant_id: str, stream_id: str) -> list[Event[Contract]]:
        return [event for event in self.events if (event.tenant_id, event.subject) == (tenant_id, stream_id)]


class FakeRebuilds:
    """Of `chassis.rebuilds.rows`: there is none."""

    def past(self, connection: Connection) -> None:
        """Nothing is beside the live tables."""


@dataclass
class FakeErasure:
    """Of `chassis.erasure`. Nothing was deleted before deletion erased."""

    store: FakeStore
    erased: set[str] = field(default_factory=set)

    def erase_stream(
        self,
        connection: Connection,
        tenant_id: str,
        stream_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        stream = self.store.read_stream(connection, tenant_id, stream_id)
        first, last = since or datetime.min.replace(tzinfo=UTC), until or datetime.max.replace(tzinfo=UTC)
        return self._erase([event for event in stream if first <= event.time <= last])

    def erase_tenant(self, connection: Connection, tenant_id: str, *, limit: int) -> int:
        left = [e for e in self.store.events if e.tenant_id == tenant_id and e.id not in self.erased]
        return self._erase(left[:limit])

    def erase_deleted(self, connection: Connection, *, limit: int) -> int:
        return 0

    def _erase(self, events: Sequence[Event[Contract]]) -> int:
        left = {event.id for event in events} - self.erased
        self.erased |= left
        return len(left)


@dataclass
class FakeReplays:
    """Of `chassis.replays.rows`. Every transaction has ended; an event's place is that in the store."""

    store: FakeStore
    tombstones: FakeTombstones
    forgotten: FakeForgotten
    rows: dict[str, Replay] = field(default_factory=dict)
    turns: dict[str, tuple[ReplayState, datetime]] = field(default_factory=dict)

    def horizons(self, connection: Connection) -> tuple[int, int]:
        return len(self.store.events) + 1, len(self.store.events) + 1

    def add(self, connection: Connection, replay: Replay) -> bool:
        return self.rows.setdefault(replay.id, replay) is replay

    def find(self, connection: Connection, replay_id: str) -> Replay | None:
        return self.rows.get(replay_id)

    def latest(self, connection: Connection, *, limit: int) -> list[Replay]:
        return sorted(self.rows.values(), key=lambda replay: replay.requested_at, reverse=True)[:limit]

    def step(self, connection: Connection, replay: Replay, state: ReplayState) -> None:
        self.rows[replay.id] = replace(self.rows[replay.id], step=replay.step + 1, state=state)

    def keep_turn(self, connection: Connection, replay_id: str, state: ReplayState, ordered_at: datetime) -> None:
        kept, since = self.turns.get(replay_id, (None, ordered_at))
        if kept is not ReplayState.CANCELLED and (state is ReplayState.CANCELLED or ordered_at >= since):
            self.turns[replay_id] = (state, ordered_at)

    def kept_turn(self, connection: Connection, replay_id: str) -> ReplayState | None:
        return self.turns.get(replay_id, (None,))[0]

    def save(self, connection: Connection, replay: Replay) -> bool:
        found = self.rows[replay.id]
        if found.step != replay.step:
            return False
        self.rows[replay.id] = replace(found, checkpoint=replay.checkpoint, counts=replay.counts)
        return True

    def look(
        self,
        connection: Connection,
        selection: Selection,
        *,
        types: Sequence[str],
        deletions: Sequence[str],
        after: Checkpoint,
        until: int,
        limit: int,
        attributes: Mapping[str, str] = NOTHING,
    ) -> list[Looked]:
        return [
            Looked(
                Checkpoint(place, place),
                event.type,
                json.dumps({**event.to_wire(), **attributes})
                if self._is_selected(event, selection, types, deletions)
                else None,
            )
            for place, event in enumerate(self.store.events, start=1)
            if after.position < place < until
        ][:limit]

    def count(
        self, connection: Connection, selection: Selection, *, types: Sequence[str], deletions: Sequence[str]
    ) -> dict[str, int]:
        return Counter(e.type for e in self.store.events if self._is_selected(e, selection, types, deletions))

    def _is_selected(
        self, event: Event[Contract], selection: Selection, types: Sequence[str], deletions: Sequence[str]
    ) -> bool:
        return (
            event.type in types
            and (not selection.tenants or event.tenant_id in selection.tenants)
            and (not selection.subjects or event.subject in selection.subjects)
            and (event.subject == event.tenant_id or event.tenant_id not in self.forgotten.at)
            and (event.type in deletions or (event.tenant_id, event.subject) not in self.tombstones.deleted)
        )


@dataclass
class FakeBudgets:
    """Of `chassis.budgets`. No call dies, and one is settled before the next is reserved."""

    rows: dict[str, Spending] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def reserve(self, database: Database, event: Event[Contract], most_usd: float) -> Reservation | None:
        known, amount = self._open(event), Decimal(str(most_usd))
        if known.spent_usd + amount > known.budget_usd:
            return None
        return Reservation("reservation", str(event.replay_id), amount)

    def settle(self, connection: Connection, reservation: Reservation, cost_usd: float | None) -> None:
        known = self.rows[reservation.replay_id]
        cost = reservation.amount_usd if cost_usd is None else Decimal(str(cost_usd))
        self.rows[reservation.replay_id] = replace(known, spent_usd=known.spent_usd + cost)

    def count(self, connection: Connection, event: Event[Contract], outcome: Outcome) -> None:
        known = self._open(event)
        self.rows[str(event.replay_id)] = replace(known, **{outcome: getattr(known, outcome) + 1})

    def spend(self, connection: Connection, replay_id: str) -> bool:
        is_first = replay_id not in self.told
        self.told.add(replay_id)
        return is_first

    def spending(self, connection: Connection, replay_id: str) -> Spending | None:
        return self.rows.get(replay_id)

    def _open(self, event: Event[Contract]) -> Spending:
        budget = event.budget_usd
        assert budget is not None
        opened = Spending(budget, Decimal(0), Decimal(0), made=0, reused=0, failed=0, left_over=0)
        return self.rows.setdefault(str(event.replay_id), opened)


@dataclass
class FakeInbox:
    """Of `chassis.inbox`."""

    deliveries: set[tuple[str, str, str]] = field(default_factory=set)

    def add(self, connection: Connection, event: Event[Contract]) -> bool:
        delivery = (event.source, event.id, event.replay_id or "")
        is_new = delivery not in self.deliveries
        self.deliveries.add(delivery)
        return is_new

    def applied(self, connection: Connection, events: Sequence[Event[Contract]]) -> set[tuple[str, str]]:
        asked = {(event.source, event.id, event.replay_id or "") for event in events}
        return {(event_id, replay_id) for _, event_id, replay_id in asked & self.deliveries}


@dataclass
class FakeIdempotency:
    """Of `chassis.idempotency`. Nothing is old."""

    rows: dict[RequestKey, tuple[str, str, str | None, Kept]] = field(default_factory=dict)
    claimed_at: dict[RequestKey, datetime] = field(default_factory=dict)

    def claim(self, connection: Connection, request: RequestKey, *, fingerprint: str, claim: str) -> Kept | None:
        if request in self.rows:
            return self.rows[request][3]
        begun = Kept(fingerprint, is_answered=False, answer=None)
        self.rows[request] = request.tenant_id, claim, None, begun
        self.claimed_at[request] = datetime.now(UTC)
        return None

    def complete(self, connection: Connection, request: RequestKey, *, claim: str, subject: str, answer: str) -> bool:
        if request not in self.rows or self.rows[request][1] != claim:
            return False
        tenant_id, _, _, kept = self.rows[request]
        self.rows[request] = tenant_id, claim, subject, replace(kept, is_answered=True, answer=answer)
        return True

    def release(self, connection: Connection, request: RequestKey, *, claim: str) -> None:
        if request in self.rows and self.rows[request][1] == claim and not self.rows[request][3].is_answered:
            del self.rows[request]

    def forget(self, connection: Connection, tenant_id: str, subject: str, *, until: datetime | None = None) -> None:
        for request, (owner, claim, about, kept) in list(self.rows.items()):
            if (owner, about) == (tenant_id, subject) and (until is None or self.claimed_at[request] <= until):
                self.rows[request] = owner, claim, about, replace(kept, answer=None)


@dataclass
class FakeTombstones:
    """Of `chassis.tombstones`."""

    deleted: dict[Key, datetime] = field(default_factory=dict)

    def is_deleted(self, connection: Connection, tenant_id: str, subject: str) -> bool:
        return (tenant_id, subject) in self.deleted

    def mark_deleted(self, connection: Connection, event: Event[Contract]) -> None:
        key = event.tenant_id, event.subject
        self.deleted[key] = min(self.deleted.get(key, event.time), event.time)


@dataclass
class FakeForgotten:
    """Of `chassis.forgotten`. No table but the chassis' own is looked into: deleting finds nothing."""

    at: dict[str, datetime] = field(default_factory=dict)
    numbers: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    counted_to: dict[Key, str] = field(default_factory=dict)

    def count_before(self, connection: Connection, tenant_id: str, store: str, keys: Sequence[str]) -> None:
        counted = self.counted_to.get((tenant_id, store), "")
        self.numbers[tenant_id][store] += sum(key > counted for key in keys)
        self.counted_to[tenant_id, store] = max(counted, keys[-1])

    def end_counting(self, connection: Connection, tenant_id: str) -> None:
        self.counted_to = {key: counted for key, counted in self.counted_to.items() if key[0] != tenant_id}

    def add_erased(self, connection: Connection, tenant_id: str, numbers: Mapping[str, int]) -> None:
        self.numbers[tenant_id] += Counter(numbers)

    def note_found(self, connection: Connection, tenant_id: str, numbers: Mapping[str, int]) -> None:
        self.numbers[tenant_id] |= Counter(numbers)

    def erased(self, connection: Connection, tenant_id: str) -> dict[str, int]:
        return dict(sorted(self.numbers[tenant_id].items()))

    def is_forgotten(self, connection: Connection, tenant_id: str) -> bool:
        return tenant_id in self.at

    def forgotten(self, connection: Connection, tenant_ids: Collection[str]) -> set[str]:
        return set(tenant_ids) & set(self.at)

    def mark(self, connection: Connection, event: Event[Contract]) -> None:
        self.at[event.tenant_id] = min(self.at.get(event.tenant_id, event.time), event.time)

    def recent(self, connection: Connection, within: timedelta) -> list[str]:
        return [tenant for tenant, at in self.at.items() if at > datetime.now(UTC) - within]

    def count(self, connection: Connection, tenant_id: str) -> Counter[str]:
        return Counter()

    def delete(self, connection: Connection, tenant_id: str, *, limit: int) -> Counter[str]:
        return Counter()
