"""What is pruned and what is not, and that every table that grows says for how long it is kept."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis import inbox
from chassis.retention import INBOX, delete_old, prune
from chassis.service import Service
from chassis.settings import Settings
from contracts import Event, new_event
from contracts.ingest import ItemDeleted
from manifests import load_manifests
from testkit.faults import at_once
from workspace import REPOSITORY

Worker = Service[Settings]


def deliveries(worker: Worker, number: int, *, age: timedelta) -> None:
    worker.database.connection().execute(
        "INSERT INTO inbox (source, event_id, received_at)"
        " SELECT 'collections.ingest', gen_random_uuid()::text, now() - %s FROM generate_series(1, %s)",
        (age, number),
    )


def kept(worker: Worker) -> int:
    row = worker.database.connection().execute("SELECT count(*) AS n FROM inbox").fetchone()
    return int(row["n"]) if row else 0


@pytest.mark.integration
def test_what_is_past_its_retention_goes_a_batch_at_a_time(worker: Worker) -> None:
    deliveries(worker, 5, age=INBOX.keep + timedelta(minutes=1))
    deliveries(worker, 3, age=INBOX.keep - timedelta(minutes=1))
    assert prune(worker.database, worker.retention, limit=4) == {"inbox": 4}
    assert worker.relay() == 0, "the relay prunes too"
    assert kept(worker) == 3
    assert worker.prune() == {}


@pytest.mark.integration
def test_two_that_prune_at_once_do_not_wait_for_each_other(worker: Worker, new_worker: Callable[[], Worker]) -> None:
    deliveries(worker, 300, age=INBOX.keep * 2)
    pruned = at_once(*[lambda each=each: prune(each.database, (INBOX,), limit=100) for each in (worker, new_worker())])
    assert sum(each.get("inbox", 0) for each in pruned) == 300 - kept(worker)


@pytest.mark.integration
def test_the_oldest_go_first_and_what_another_deletes_is_not_waited_for(
    worker: Worker, new_worker: Callable[[], Worker]
) -> None:
    for hours in (3, 5, 1, 4, 2):
        deliveries(worker, 1, age=INBOX.keep + timedelta(hours=hours))
    with worker.database.transaction() as connection:
        assert delete_old(connection, INBOX, limit=2) == 2
        assert prune(new_worker().database, [INBOX], limit=2) == {"inbox": 2}
    ages = worker.database.connection().execute("SELECT now() - received_at AS age FROM inbox").fetchall()
    assert [row["age"] - INBOX.keep < timedelta(hours=2) for row in ages] == [True]


@pytest.mark.integration
def test_the_inbox_is_looked_up_by_its_whole_key(worker: Worker) -> None:
    """However many deliveries of one source it holds: a part of the key would read them all."""
    deliveries(worker, 5000, age=timedelta(days=1))
    connection = worker.database.connection()
    connection.execute("ANALYZE inbox")
    events: list[Event[Any]] = [new_event(ItemDeleted(), subject=str(n), tenant_id="t") for n in range(10)]
    with worker.database.transaction() as transaction:
        assert inbox.add(transaction, events[3])
    assert inbox.applied(connection, events) == {(events[3].id, "")}
    plans = connection.execute(f"EXPLAIN {inbox.APPLIED}", inbox.asked(events)).fetchall()
    (condition,) = [text for row in plans if "Index Cond" in (text := row["QUERY PLAN"])]
    assert all(column in condition for column in ("source", "event_id", "replay_id")), condition
    assert "Seq Scan on inbox" not in str(plans)


def test_a_delivery_is_remembered_longer_than_it_can_come_again() -> None:
    archive = timedelta(days=load_manifests(REPOSITORY).platform.bus.archive_days)
    queue, dead_letters = timedelta(days=4), timedelta(days=14)
    assert INBOX.keep > archive + 2 * (queue + dead_letters)


def test_every_table_that_grows_has_a_written_retention() -> None:
    documented = set(
        re.findall(r"^\| `(\w+)`", _section(REPOSITORY / "services/lib/chassis/README.md", "## Retention"), re.M)
    )
    declared = {
        table
        for file in REPOSITORY.glob("services/**/migrations/*.sql")
        for table in re.findall(r"COMMENT ON TABLE (\w+)\s+IS\s+'(?:log|bookkeeping|tombstone):", file.read_text())
    }
    assert declared == documented


def _section(path: Path, heading: str) -> str:
    return path.read_text().split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
