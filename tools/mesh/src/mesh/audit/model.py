"""What an audit looks at, and what it finds; pure data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from contracts import ReplayKind

#: The tenant's hash, and the id of an item or a conversation.
Subject = tuple[str, str]


class Kind(StrEnum):
    """Kinds of differences."""

    UNDELIVERED = "event not delivered"
    DEAD_LETTER = "dead letter"
    PARKED = "event parked in the outbox"
    ROW_MISSING = "row missing"
    ROW_EXTRA = "row of no event"
    ROW_STALE = "row stale"
    UNREADABLE = "event not readable"
    OBJECT_MISSING = "object missing"
    OBJECT_OF_DELETED = "object of a deleted item"
    OBJECT_UNKNOWN = "object of no event"


class Replay(BaseModel):
    """A replay that repairs a difference: which types go to which consumer; without types all that it consumes."""

    model_config = ConfigDict(frozen=True)

    consumer: str
    kind: ReplayKind
    types: tuple[str, ...] = ()

    def command(self, subject: str, env: str) -> str:
        """The command that orders it for one subject."""
        kind = "" if self.kind is ReplayKind.REBUILD else f" --kind {self.kind}"
        types = "".join(f" --type {each}" for each in self.types)
        return f"mesh replay start {self.consumer}{kind} --item {subject}{types} --env {env}"


class Difference(BaseModel):
    """A difference and what repairs it: a replay, or what `advice` says.

    `where` is a service, or one of its tables; `what` the event, the row or the object, nothing of its contents.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    where: str
    tenant: str
    subject: str
    what: str
    replay: Replay | None = None
    advice: str = ""

    @property
    def service(self) -> str:
        return self.where.partition(".")[0]

    @property
    def of(self) -> Subject:
        return self.tenant, self.subject

    def repair(self, env: str) -> str:
        """What to do about it, in one line."""
        command = self.replay.command(self.subject, env) if self.replay else ""
        return ", ".join(filter(None, (command, self.advice)))


class Recorded(NamedTuple):
    """An event of a service, without its contents. `state` is `waiting` or `parked` while it is not on the bus."""

    service: str
    id: str
    type: str
    subject: str
    tenant: str
    recorded_at: datetime
    state: str

    @property
    def of(self) -> Subject:
        return self.tenant, self.subject


@dataclass(frozen=True, slots=True)
class Scope:
    """What is audited: events since then, of one tenant (id or hash), of these subjects; None does not narrow.

    `before` is when the audit began, less the settling time: what happened later may still be under way.
    """

    before: datetime
    since: datetime | None = None
    tenant: str | None = None
    subjects: frozenset[str] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every event is looked at, so that a subject without one has none."""
        return self.since is None and self.subjects is None


@dataclass
class Findings:
    """What an audit has found so far. `skipped` says what could not be judged, and of how many."""

    events: int = 0
    objects: int = 0
    subjects: dict[Subject, datetime] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    not_compared: set[str] = field(default_factory=set)

    def settled(self, before: datetime) -> list[Subject]:
        """Subjects with nothing after that time, in order."""
        return sorted(subject for subject, latest in self.subjects.items() if latest < before)

    def counts(self) -> list[tuple[str, str, int]]:
        """(kind, where, number), in the order of the kinds."""
        counted = Counter((each.kind, each.where) for each in self.differences)
        order = list(Kind)
        keys = sorted(counted, key=lambda key: (order.index(key[0]), key[1]))
        return [(str(kind), where, counted[kind, where]) for kind, where in keys]


def only_confirmed(first: Sequence[Difference], second: Sequence[Difference]) -> list[Difference]:
    """Those of the first look that were there at the second as well."""
    there = {(each.kind, each.where, each.of, each.what) for each in second}
    return [each for each in first if (each.kind, each.where, each.of, each.what) in there]


#: Inbox rows are kept for 90 days: an older delivery that is missing says nothing.
INBOX = timedelta(days=89)
