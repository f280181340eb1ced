"""What a replay that reprocesses may pay providers: reserved before each call, counted with its result.

All workers of a consumer share a replay's budget. A call is made only after the most that it can cost was reserved,
and what is reserved counts as spent until the call is settled; so the budget holds whatever dies. A call that died may
have been paid: what it reserved stays spent.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from typing import Any

from chassis.database import Connection, Database
from chassis.errors import TransientError
from contracts import Contract, Event

__all__ = ["DIED_AFTER", "Outcome", "Reservation", "Spending", "count", "reserve", "settle", "spend", "spending"]

#: A call that was not settled after this has died: no function runs for so long.
DIED_AFTER = timedelta(minutes=15)
_MICRO = Decimal("0.000001")


class Outcome(StrEnum):
    """What came of an event of the replay; the column that counts it."""

    MADE = "made"
    """A provider was paid for a result."""
    REUSED = "reused"
    """The result was there: of the same content, prompt and model."""
    FAILED = "failed"
    """The provider gave no result."""
    LEFT_OVER = "left_over"
    """The budget did not suffice."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Up to so many US dollars of a replay's budget for one call."""

    id: str
    replay_id: str
    amount_usd: Decimal


@dataclass(frozen=True, slots=True)
class Spending:
    """How far a replay has come with its budget, in US dollars; `reserved_usd` is of calls that are not settled."""

    budget_usd: Decimal
    spent_usd: Decimal
    reserved_usd: Decimal
    made: int
    reused: int
    failed: int
    left_over: int

    def described(self) -> dict[str, Any]:
        """As JSON."""
        amounts = {name: float(getattr(self, name)) for name in ("budget_usd", "spent_usd", "reserved_usd")}
        return amounts | {str(outcome): getattr(self, outcome) for outcome in Outcome}


def reserve(database: Database, event: Event[Contract], most_usd: float) -> Reservation | None:
    """Reserve the most that a call for the event can cost; None when the budget does not suffice any more.

    In a transaction of its own. An earlier reservation for the event is of a delivery that died, and is spent.

    Raises:
        TransientError: what calls under way have reserved may be free again soon.
        ValueError: the event has no budget.
    """
    amount = _amount(most_usd)
    with database.transaction() as connection:
        _open(connection, event)
        _spend_dead(connection, event)
        known = spending(connection, str(event.replay_id))
        if known is None or known.spent_usd + amount > known.budget_usd:
            return None
        if known.spent_usd + known.reserved_usd + amount <= known.budget_usd:
            return _add(connection, event, amount)
    # Outside: what was found dead stays spent.
    raise TransientError("the rest of the budget is reserved by calls that are under way")


def _spend_dead(connection: Connection, event: Event[Contract]) -> None:
    connection.execute(
        """
        WITH dead AS (
            DELETE FROM replay_reservations
            WHERE replay_id = %s AND (event_id = %s OR reserved_at < clock_timestamp() - %s) RETURNING amount_usd
        )
        UPDATE replay_budgets SET spent_usd = spent_usd + (SELECT coalesce(sum(amount_usd), 0) FROM dead)
        WHERE replay_id = %s
        """,
        (event.replay_id, event.id, DIED_AFTER, event.replay_id),
    )


def _add(connection: Connection, event: Event[Contract], amount: Decimal) -> Reservation:
    reservation = Reservation(str(uuid.uuid4()), str(event.replay_id), amount)
    connection.execute(
        "INSERT INTO replay_reservations (reservation_id, replay_id, event_id, amount_usd) VALUES (%s, %s, %s, %s)",
        (reservation.id, reservation.replay_id, event.id, amount),
    )
    return reservation


def settle(connection: Connection, reservation: Reservation, cost_usd: float | None) -> None:
    """The call has ended and cost that; all that was reserved, where nobody knows (None)."""
    cost = reservation.amount_usd if cost_usd is None else _amount(cost_usd)
    connection.execute(
        """
        WITH settled AS (DELETE FROM replay_reservations WHERE reservation_id = %s RETURNING replay_id)
        UPDATE replay_budgets SET spent_usd = spent_usd + %s, updated_at = clock_timestamp()
        FROM settled WHERE replay_budgets.replay_id = settled.replay_id
        """,
        (reservation.id, cost),
    )


def count(connection: Connection, event: Event[Contract], outcome: Outcome) -> None:
    """Count what came of the event, in the unit of work that applies it."""
    _open(connection, event)
    connection.execute(
        f"UPDATE replay_budgets SET {outcome} = {outcome} + 1, updated_at = clock_timestamp() WHERE replay_id = %s",  # noqa: S608
        (event.replay_id,),
    )


def spend(connection: Connection, replay_id: str) -> bool:
    """The budget does not suffice for another call; True the first time."""
    row = connection.execute(
        """
        UPDATE replay_budgets SET spent_at = clock_timestamp() WHERE replay_id = %s AND spent_at IS NULL
        RETURNING replay_id
        """,
        (replay_id,),
    ).fetchone()
    return row is not None


def spending(connection: Connection, replay_id: str) -> Spending | None:
    """How far the replay has come; None when no event of it has arrived."""
    row = connection.execute(
        """
        SELECT budget_usd, spent_usd, made, reused, failed, left_over,
               (SELECT coalesce(sum(amount_usd), 0) FROM replay_reservations AS r
                WHERE r.replay_id = b.replay_id) AS reserved_usd
        FROM replay_budgets AS b WHERE replay_id = %s
        """,
        (replay_id,),
    ).fetchone()
    return Spending(**row) if row else None


def _open(connection: Connection, event: Event[Contract]) -> None:
    """Open and lock the budget of the event's replay."""
    budget = event.budget_usd
    if budget is None or event.replay_id is None:
        raise ValueError("the event is not of a replay with a budget")
    connection.execute(
        """
        INSERT INTO replay_budgets (replay_id, budget_usd) VALUES (%s, %s)
        ON CONFLICT (replay_id) DO UPDATE SET updated_at = clock_timestamp()
        """,
        (event.replay_id, budget),
    )


def _amount(usd: float) -> Decimal:
    """To the millionth, never less."""
    return Decimal(str(usd)).quantize(_MICRO, rounding=ROUND_UP)
