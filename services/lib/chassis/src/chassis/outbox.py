"""The transactional outbox: what a transaction recorded goes to the bus after it, at least once.

Claim, publish, strike: rows are claimed in a short transaction, published outside of any, and struck off in another, so
no lock is held while the bus is asked, and no horizon is held back. A new row is claimed by the process that
recorded it, for `GRACE_S`; the relay claims what is left, for `CLAIM_S`. What a crash leaves claimed is due again when
the claim ends.

A failed attempt is counted and the row waits twice as long for each. A row that the bus refuses for good, or
`MAX_ATTEMPTS` times, is parked with its reason: it stays, nobody tries it again until `retry_parked`, and it stops none
of those behind it. A bus that does not answer at all parks nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from chassis.bus import MAX_ENTRIES, Bus, Refusal
from chassis.database import Connection, Database
from chassis.errors import TransientError
from chassis.observability import MetricUnit, logger, metrics

__all__ = [
    "CLAIM_S",
    "GRACE_S",
    "MAX_ATTEMPTS",
    "Failure",
    "Parked",
    "Waiting",
    "claim",
    "count_parked",
    "delete",
    "fail",
    "parked",
    "publish",
    "relay",
    "release",
    "retry_parked",
]

#: The relay leaves younger rows to the process that recorded them and is about to publish them.
GRACE_S = 10
#: For how long a relay has its rows for itself: longer than its function may run (50 s).
CLAIM_S = 60
#: A row refused so often is parked. Each attempt waits until the row is twice as old: the last is after about a day.
MAX_ATTEMPTS = 15
_PAGE = 100
# From then on a row is published alone: if it is what makes calls fail, it takes no other with it.
_SUSPECT = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """A claimed row: the place of its event, the event as it goes to the bus, and how often that failed."""

    position: int
    document: dict[str, Any]
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed; the row is parked once it has `park_at` attempts, never where that is None."""

    reason: str
    park_at: int | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that the bus refuses, since when nobody tries it, and why."""

    position: int
    event_id: str
    type: str
    attempts: int
    reason: str
    parked_at: datetime

    def described(self) -> dict[str, Any]:
        """As JSON. It names no tenant, and has nothing of the event's contents."""
        return asdict(self) | {"parked_at": self.parked_at.isoformat()}


def publish(database: Database, bus: Bus, recorded: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Publish what was just committed and delete it from the outbox.

    A failure of the bus is logged and left to the relay: the facts are committed, so the work must not be repeated.
    """
    if not recorded:
        return
    try:
        _send(database, bus, [Waiting(position, document) for position, document in recorded])
    except TransientError as error:
        logger.warning("left to the relay", extra={"events": len(recorded), "error": str(error)})


def relay(database: Database, bus: Bus, *, grace_s: float = GRACE_S) -> int:
    """Publish what a crash or a failing bus left behind, oldest first; returns how many.

    Raises:
        TransientError: the bus or the database fails, or the bus refused some of it; the next run goes on.
    """
    with database.transaction() as connection:
        _remind(parked(connection), count_parked(connection))  # first: whether the bus answers or not
    published = refused = 0
    tried: list[int] = []
    while True:
        with database.transaction() as connection:
            rows = claim(connection, grace_s=grace_s, limit=_PAGE, but=tried)
        tried += [row.position for row in rows]
        alone = [[row] for row in rows if row.attempts >= _SUSPECT]
        together = [row for row in rows if row.attempts < _SUSPECT]
        groups = [together, *alone] if together else alone
        for place, group in enumerate(groups):
            try:
                failures = _send(database, bus, group)
            except TransientError:
                with database.transaction() as connection:
                    release(connection, [row.position for rest in groups[place + 1 :] for row in rest])
                raise
            published += len(group) - len(failures)
            refused += sum(failure.park_at != 1 for failure in failures)
        if len(rows) < _PAGE:
            break
    if refused:
        raise TransientError(f"the bus refused {refused} events")
    return published


def _send(database: Database, bus: Bus, rows: Sequence[Waiting]) -> list[Failure]:
    """Publish claimed rows, strike off what the bus took, count what failed; returns what the bus refused.

    Raises:
        TransientError: the bus does not answer (what it took before is struck off), or the database does not.
    """
    outcomes: list[Refusal | None] = []
    away: TransientError | None = None
    try:
        for outcome in bus.put([row.document for row in rows]):
            outcomes.append(outcome)  # what was answered before a call fails counts
    except TransientError as error:
        away = error
    taken = [row.position for row, outcome in zip(rows, outcomes, strict=False) if outcome is None]
    refused = {
        row.position: Failure(outcome.reason, 1 if outcome.for_good else MAX_ATTEMPTS)
        for row, outcome in zip(rows, outcomes, strict=False)
        if outcome is not None
    }
    failed = dict(refused)
    untried = rows[len(outcomes) :]
    if away is not None:
        failed |= {row.position: Failure(str(away)[:500]) for row in untried[:MAX_ENTRIES]}
        untried = untried[MAX_ENTRIES:]
    with database.transaction() as connection:
        if taken:
            delete(connection, taken)
        if failed:
            _report(fail(connection, failed))
        if untried:
            release(connection, [row.position for row in untried])
    if away is not None:
        raise away
    return list(refused.values())


def _remind(oldest: Sequence[Parked], count: int) -> None:
    if count:
        logger.error("parked events wait", extra={"count": count, "events": [each.described() for each in oldest]})
        metrics.add_metric("OutboxParked", MetricUnit.Count, count)


def _report(events: Sequence[Parked]) -> None:
    for each in events:
        logger.error("event parked: the bus refuses it", extra={"events": [each.described()]})
    if events:
        metrics.add_metric("EventsParked", MetricUnit.Count, len(events))


def claim(connection: Connection, *, grace_s: float, limit: int, but: Sequence[int] = ()) -> list[Waiting]:
    """Claim what is due: rows older than `grace_s`, doubled for each attempt after the first, that nobody has claimed.

    Oldest first; behind them what failed more than once. They are the caller's for `CLAIM_S` once it has committed.
    """
    rows = connection.execute(
        """
        WITH due AS (
            SELECT position FROM outbox
            WHERE parked_at IS NULL AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
              AND recorded_at < clock_timestamp() - make_interval(secs => %s * 2 ^ greatest(attempts - 1, 0))
              AND position <> ALL(%s)
            ORDER BY greatest(attempts, 1), position LIMIT %s FOR UPDATE SKIP LOCKED
        ), claimed AS (
            UPDATE outbox SET claimed_until = clock_timestamp() + make_interval(secs => %s)
            FROM due WHERE outbox.position = due.position
            RETURNING outbox.position, outbox.attempts
        )
        SELECT position, event, attempts FROM claimed JOIN events USING (position)
        ORDER BY greatest(attempts, 1), position
        """,
        (grace_s, list(but), limit, CLAIM_S),
    )
    return [Waiting(row["position"], row["event"], row["attempts"]) for row in rows]


def delete(connection: Connection, positions: Sequence[int]) -> None:
    """Delete what the bus has accepted."""
    connection.execute("DELETE FROM outbox WHERE position = ANY(%s)", (list(positions),))


def release(connection: Connection, positions: Sequence[int]) -> None:
    """Give back what was claimed and not tried."""
    connection.execute("UPDATE outbox SET claimed_until = NULL WHERE position = ANY(%s)", (list(positions),))


def fail(connection: Connection, failures: Mapping[int, Failure]) -> list[Parked]:
    """Count a failed attempt of each row and give it back, or park it; returns what was parked."""
    rows = connection.execute(
        """
        UPDATE outbox
        SET attempts = attempts + 1, claimed_until = NULL, reason = failed.reason,
            parked_at = CASE WHEN attempts + 1 >= failed.park_at THEN clock_timestamp() END
        FROM unnest(%s::bigint[], %s::text[], %s::int[]) AS failed (position, reason, park_at), events
        WHERE outbox.position = failed.position AND events.position = outbox.position
        RETURNING outbox.position, event_id, type, attempts, outbox.reason, parked_at
        """,
        (
            list(failures),
            [failure.reason for failure in failures.values()],
            [failure.park_at for failure in failures.values()],
        ),
    )
    return [Parked(**row) for row in rows if row["parked_at"] is not None]


def parked(connection: Connection, *, after: int = 0, limit: int = 100) -> list[Parked]:
    """What is parked behind that position, oldest first."""
    rows = connection.execute(
        """
        SELECT position, event_id, type, attempts, reason, parked_at FROM outbox JOIN events USING (position)
        WHERE parked_at IS NOT NULL AND position > %s ORDER BY position LIMIT %s
        """,
        (after, limit),
    )
    return [Parked(**row) for row in rows]


def count_parked(connection: Connection) -> int:
    """How many events are parked."""
    row = connection.execute("SELECT count(*) AS parked FROM outbox WHERE parked_at IS NOT NULL").fetchone()
    return int(row["parked"]) if row else 0


def retry_parked(connection: Connection, event_ids: Sequence[str]) -> int:
    """Let the relay try those of the events that are parked as if they were new; returns how many."""
    return connection.execute(
        """
        UPDATE outbox SET parked_at = NULL, attempts = 0 FROM events
        WHERE events.position = outbox.position AND parked_at IS NOT NULL AND event_id = ANY(%s)
        """,
        (list(event_ids),),
    ).rowcount
