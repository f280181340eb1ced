"""What is known of events and of their deliveries; pure data and the sums over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["applied", "dead-letter", "waiting", "unknown"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Recorded(_Frozen):
    """An event as its service has recorded it. `figures` say how it came about: model, tokens, cost, attempts."""

    id: str
    type: str
    source: str
    subject: str
    tenant: str
    time: datetime
    recorded_at: datetime
    correlationid: str
    causationid: str | None
    figures: Mapping[str, str | int | float]

    @property
    def service(self) -> str:
        """The service that recorded it."""
        return self.source.removeprefix("collections.")

    @property
    def fact(self) -> str:
        """The event's type without prefix and service."""
        return self.type.removeprefix(f"{self.source}.")

    @property
    def is_paid(self) -> bool:
        """Whether a provider was called and counted tokens."""
        return any(self.figures.get(name) for name in ("input_tokens", "output_tokens", "tokens", "cost_usd"))


class Delivery(_Frozen):
    """What became of an event at one consumer. `at` is when it was applied or dead-lettered.

    `waiting`: the inbox does not have it, nor do the dead letters. `unknown`: the inbox does not reach back so far.
    """

    event_id: str
    consumer: str
    outcome: Outcome
    at: datetime | None = None
    replay_id: str = ""
    reason: str = ""
    receives: int = 0


class Unpublished(_Frozen):
    """An event that is not on the bus yet."""

    event_id: str
    attempts: int
    reason: str
    is_parked: bool


class Totals(_Frozen):
    """Sums over a trace: seconds from the first event to the last effect, calls that were paid and what they cost."""

    events: int
    applied: int
    waiting: int
    dead_letters: int
    unpublished: int
    elapsed_s: float
    paid_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Trace(_Frozen):
    """Everything found, oldest first."""

    asked: str
    environment: str
    events: tuple[Recorded, ...]
    deliveries: tuple[Delivery, ...]
    unpublished: tuple[Unpublished, ...]

    @property
    def totals(self) -> Totals:
        """The sums."""
        outcomes = [each.outcome for each in self.deliveries]
        times = [event.time for event in self.events]
        ends = times + [each.at for each in self.deliveries if each.at and not each.replay_id]
        paid = [event.figures for event in self.events if event.is_paid]
        return Totals(
            events=len(self.events),
            applied=outcomes.count("applied"),
            waiting=outcomes.count("waiting"),
            dead_letters=outcomes.count("dead-letter"),
            unpublished=len(self.unpublished),
            elapsed_s=round((max(ends) - min(times)).total_seconds(), 3),
            paid_calls=len(paid),
            input_tokens=int(_sum(paid, "input_tokens", "tokens")),
            output_tokens=int(_sum(paid, "output_tokens")),
            cost_usd=round(_sum(paid, "cost_usd"), 6),
        )

    def roots(self) -> list[Recorded]:
        """Events that none of the others caused."""
        known = {event.id for event in self.events}
        return [event for event in self.events if event.causationid not in known]

    def caused_by(self, cause: Recorded) -> Iterator[Recorded]:
        """What followed from an event directly."""
        return (event for event in self.events if event.causationid == cause.id)

    def deliveries_of(self, event: Recorded) -> Iterator[Delivery]:
        """What became of an event at its consumers."""
        return (each for each in self.deliveries if each.event_id == event.id)


def _sum(figures: Sequence[Mapping[str, str | int | float]], *names: str) -> float:
    return sum(float(each.get(name, 0)) for each in figures for name in names)
