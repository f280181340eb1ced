"""Budgets of replays on a real Postgres: whatever happens at once or dies, no more is paid than was ordered."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Lock

import pytest

from chassis import budgets
from chassis.budgets import Outcome, Spending
from chassis.database import Database
from chassis.errors import TransientError
from chassis.service import Service
from chassis.settings import Settings
from contracts import Contract, Event, ReplayKind, replayed
from contracts.imaging import ImageProcessed
from testkit import Deploy
from testkit.fakes import example

pytestmark = pytest.mark.integration

MIGRATIONS = Path(__file__).parents[1] / "migrations"
MOST_USD = 0.2
Connect = Callable[[], Database]


@pytest.fixture
def connect(deploy: Deploy) -> Iterator[Connect]:
    """A database for each thread."""
    deployment = deploy("analysis", sources=[MIGRATIONS])
    opened: list[Database] = []

    def build() -> Database:
        service = Service(Settings(**deployment.settings), deployment.aws)
        opened.append(service.database)
        return service.database

    yield build
    for database in opened:
        database.close()


def ordered(number: int, budget: str = "1.000000") -> Event[Contract]:
    again = replayed(
        example(ImageProcessed, subject="item", tenant="tenant"),
        replay_id="replay-1",
        replay_for="analysis",
        kind=ReplayKind.REPROCESS,
    )
    return replace(again, id=f"event-{number}", replay_budget=budget)


def known(database: Database) -> Spending:
    with database.transaction() as connection:
        found = budgets.spending(connection, "replay-1")
    assert found is not None
    return found


def test_many_workers_together_never_pay_more_than_the_budget(connect: Connect) -> None:
    """Every fifth call dies after the provider was paid; what comes again is paid again."""
    dice, paid, most, lock = random.Random(7), Decimal(0), Decimal(0), Lock()
    events = [ordered(number) for number in range(60)]

    def work(mine: list[Event[Contract]]) -> None:
        nonlocal paid, most
        database = connect()
        for event in mine:
            while True:
                try:
                    reservation = budgets.reserve(database, event, MOST_USD)
                except TransientError:
                    continue
                if reservation is None:
                    break
                with lock:
                    cost = Decimal(dice.randint(1_000, 200_000)) / 1_000_000
                    dies = dice.random() < 0.2
                    paid += cost
                    most = max(most, paid)
                if dies:
                    continue  # the same event is delivered again
                with database.transaction() as connection:
                    budgets.settle(connection, reservation, float(cost))
                    budgets.count(connection, event, Outcome.MADE)
                break

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [events[place::8] for place in range(8)]))
    spending = known(connect())
    assert Decimal("0.5") < most <= 1
    assert paid <= spending.spent_usd + spending.reserved_usd <= 1
    assert 0 < spending.made < len(events)


def test_amounts_are_of_whole_millionths_never_less(connect: Connect) -> None:
    database = connect()
    reservation = budgets.reserve(database, ordered(1), 0.1000001)
    assert reservation is not None
    assert reservation.amount_usd == Decimal("0.100001")
    with database.transaction() as connection:
        budgets.settle(connection, reservation, 0.0500001)
    assert known(database).spent_usd == Decimal("0.050001")


def test_what_calls_under_way_may_need_is_waited_for(connect: Connect) -> None:
    database = connect()
    first = budgets.reserve(database, ordered(1), 0.9)
    with pytest.raises(TransientError, match="reserved"):
        budgets.reserve(database, ordered(2), MOST_USD)
    assert first is not None
    with database.transaction() as connection:
        budgets.settle(connection, first, 0.05)
    assert budgets.reserve(database, ordered(2), MOST_USD) is not None
    assert budgets.reserve(database, ordered(3), 0.96) is None, "it would never suffice"
    with database.transaction() as connection:
        assert (budgets.spend(connection, "replay-1"), budgets.spend(connection, "replay-1")) == (True, False)


def test_a_call_that_died_is_taken_to_be_paid(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    database = connect()
    died = budgets.reserve(database, ordered(1), 0.3)
    budgets.reserve(database, ordered(2), 0.3)
    again = budgets.reserve(database, ordered(1), 0.3)
    assert died is not None
    assert again is not None
    with database.transaction() as connection:
        budgets.settle(connection, again, 0.01)
        budgets.settle(connection, died, 0.01)  # it lived: what was presumed stays
    spent = known(database)
    assert (spent.spent_usd, spent.reserved_usd) == (Decimal("0.31"), Decimal("0.3"))
    monkeypatch.setattr(budgets, "DIED_AFTER", budgets.DIED_AFTER * 0)
    assert budgets.reserve(database, ordered(3), 0.4) is None, "nobody comes back to free it"


def test_no_budget_is_no_call_and_unknown_costs_are_all_that_was_reserved(connect: Connect) -> None:
    database = connect()
    assert budgets.reserve(database, ordered(1, budget="0.000000"), 0.000001) is None
    reservation = budgets.reserve(database, replace(ordered(1), replay_id="replay-2"), MOST_USD)
    assert reservation is not None
    with database.transaction() as connection:
        assert budgets.spending(connection, "unknown") is None
        budgets.settle(connection, reservation, None)
        found = budgets.spending(connection, "replay-2")
    assert found is not None
    assert found.described() == {
        "budget_usd": 1.0,
        "spent_usd": MOST_USD,
        "reserved_usd": 0.0,
        "made": 0,
        "reused": 0,
        "failed": 0,
        "left_over": 0,
    }
    with pytest.raises(ValueError, match="not of a replay"), database.transaction() as connection:
        budgets.count(connection, replace(ordered(1), replay_budget=None), Outcome.MADE)


def test_a_budget_may_be_spent_to_the_last_millionth_by_its_own_replay_alone(connect: Connect) -> None:
    database = connect()
    other = replace(ordered(1), replay_id="replay-2")
    assert budgets.reserve(database, other, 0.7) is not None
    whole = budgets.reserve(database, ordered(1), 1.0)
    assert whole is not None, "what another replay has reserved is not this one's"
    assert (whole.replay_id, whole.amount_usd) == ("replay-1", Decimal(1))
    with pytest.raises(TransientError, match=r"^the rest of the budget is reserved by calls that are under way$"):
        budgets.reserve(database, ordered(2), 0.000001)
    assert (known(database).spent_usd, known(database).reserved_usd) == (Decimal(0), Decimal(1))
    with database.transaction() as connection:
        budgets.settle(connection, whole, 0.4)
    rest = budgets.reserve(database, ordered(2), 0.6)
    assert rest is not None
    with database.transaction() as connection:
        budgets.settle(connection, rest, None)
        for outcome, number in zip(Outcome, (1, 2, 3, 4), strict=True):
            for _ in range(number):
                budgets.count(connection, ordered(1), outcome)
        others = budgets.spending(connection, "replay-2")
    assert known(database) == Spending(Decimal(1), Decimal(1), Decimal(0), made=1, reused=2, failed=3, left_over=4)
    assert others == Spending(Decimal(1), Decimal(0), Decimal("0.7"), made=0, reused=0, failed=0, left_over=0)
    assert budgets.reserve(database, ordered(3), 0.000001) is None
    with pytest.raises(ValueError, match="not of a replay with a budget"):
        budgets.reserve(database, replace(ordered(1), replay_id=None), 0.1)
