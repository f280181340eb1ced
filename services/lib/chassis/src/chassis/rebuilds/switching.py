"""What changes the state of a rebuild: each in one transaction, in which no unit of work runs."""

import random
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from psycopg import errors, sql

from chassis.beside import FOLDING, SWITCHED
from chassis.database import Connection
from chassis.errors import PermanentError, TransientError
from chassis.observability import logger
from chassis.rebuilds import rows, tables
from chassis.rebuilds.rows import CANCELLED, ROLLED_BACK, Rebuild
from chassis.replays.rows import horizons
from chassis.service import Service
from chassis.tables import next_of, previous_of

__all__ = ["KEEP", "begin", "cancel", "roll_back", "switch"]

#: How long a rebuild may take, and how long the old tables are kept after the switch.
KEEP = timedelta(days=7)
# Of an exchange, with pauses between in which whoever waited behind us goes first.
_ATTEMPTS = 60
_PAUSE_S = (0.05, 0.4)
# Milliseconds for the rows of some tenants or items: a function that answers operators has 50 seconds.
_ROWS_MS = 40_000

T = TypeVar("T")


def begin(
    service: Service[Any],
    *,
    who: str,
    why: str,
    changed: Sequence[str] = (),
    tenants: Sequence[str] = (),
    subjects: Sequence[str] = (),
) -> Rebuild:
    """Make the tables beside; from now on they get every live event. One that folds already is found, and goes on.

    Old tables of a rebuild before are given up. What migrations asked for is added to `changed`, and is done with this.

    Raises:
        PermanentError: as `tables.make`.
        TransientError: the database does not answer, or a transaction does not end.
    """

    def change(connection: Connection) -> Rebuild:
        found = rows.alive(connection)
        if found is not None and found.state == FOLDING:
            return found
        schema = service.settings.database_schema
        if found is not None:
            rows.turn(connection, found.id, rows.ENDED)
            tables.drop(connection, schema)
        narrowed = {"by_tenant": bool(tenants), "by_subject": bool(subjects)}
        tables.make(connection, schema, next_of(schema), recounted=service.derived_tables, **narrowed)
        _, until = horizons(connection)
        rebuild = Rebuild(
            id=f"rebuild-{service.settings.service}-{secrets.token_hex(6)}",
            state=FOLDING,
            who=who,
            why=why,
            changed=tuple(sorted({*changed, *rows.due(connection)})),
            tenants=tuple(tenants),
            subjects=tuple(subjects),
            until=until,
            requested_at=datetime.now(UTC),
        )
        rows.add(connection, rebuild, keep=KEEP)
        return rebuild

    return _alone(service, change)


def switch(service: Service[Any], rebuild_id: str, *, keep: timedelta = KEEP) -> Rebuild:
    """Let the tables beside be the live ones, and keep those that were. Twice is once.

    Raises:
        PermanentError: the rebuild is not to be switched to: it has failed, is not complete, or is over.
        TransientError: the database does not answer, or readers do not end.
    """

    def change(connection: Connection) -> None:
        rebuild = _known(connection, rebuild_id)
        if rebuild.state == SWITCHED:
            return
        _require(rebuild, FOLDING)
        if not rebuild.is_own_done:
            raise PermanentError("rebuild-not-complete", f"{rebuild_id}: own events are not folded yet")
        _exchange(connection, service, rebuild, forward=True)
        rows.turn(connection, rebuild_id, SWITCHED, keep=keep)

    return _changed(service, rebuild_id, change)


def roll_back(service: Service[Any], rebuild_id: str) -> Rebuild:
    """Let the tables that were live before the switch be it again, and drop the rebuilt ones. Twice is once.

    Raises:
        PermanentError: it was not switched, or the old tables miss something, or are dropped.
        TransientError: the database does not answer, or readers do not end.
    """

    def change(connection: Connection) -> None:
        rebuild = _known(connection, rebuild_id)
        if rebuild.state == ROLLED_BACK:
            return
        _require(rebuild, SWITCHED)
        _exchange(connection, service, rebuild, forward=False)
        rows.turn(connection, rebuild_id, ROLLED_BACK)
        tables.drop(connection, service.settings.database_schema)

    return _changed(service, rebuild_id, change)


def cancel(service: Service[Any], rebuild_id: str) -> Rebuild:
    """Drop the tables beside the live ones: those of a rebuild under way, or the old ones after a switch.

    Raises:
        PermanentError: there is no such rebuild.
        TransientError: the database does not answer, or a transaction does not end.
    """

    def change(connection: Connection) -> None:
        rebuild = _known(connection, rebuild_id)
        if rebuild.state in (FOLDING, SWITCHED):
            rows.turn(connection, rebuild_id, CANCELLED if rebuild.state == FOLDING else rows.ENDED)
            tables.drop(connection, service.settings.database_schema)

    return _changed(service, rebuild_id, change)


def _exchange(connection: Connection, service: Service[Any], rebuild: Rebuild, *, forward: bool) -> None:
    schema = service.settings.database_schema
    new, old = next_of(schema), previous_of(schema)
    if not forward:
        new, old = old, new
    if rebuild.tenants or rebuild.subjects:
        connection.execute(f"SET LOCAL statement_timeout = {_ROWS_MS}")
        connection.execute(f"SET LOCAL transaction_timeout = {_ROWS_MS}")
        tenants = tables.exchange_rows(connection, schema, new, old, rebuild)
        if rebuild.subjects:
            _recount(connection, service, tenants, kept=old)
    else:
        tables.exchange(connection, schema, new, old)


def _recount(connection: Connection, service: Service[Any], tenants: Collection[str], *, kept: str) -> None:
    """Numbers of a tenant follow from rows of all items, so they are counted, and not exchanged: live, and of old rows.

    Events of those items go on changing the latter too.
    """
    schema = service.settings.database_schema
    for first in (kept, schema):
        path = sql.SQL("SET LOCAL search_path = {}, {}, public")
        connection.execute(path.format(sql.Identifier(first), sql.Identifier(schema)))
        for tenant in sorted(tenants):
            service.recount(connection, tenant)


def _known(connection: Connection, rebuild_id: str) -> Rebuild:
    rebuild = rows.find(connection, rebuild_id)
    if rebuild is None:
        raise PermanentError("no-such-rebuild", f"there is no rebuild {rebuild_id}")
    return rebuild


def _require(rebuild: Rebuild, state: str) -> None:
    if rebuild.state != state:
        raise PermanentError("rebuild-is-over", f"{rebuild.id} is {rebuild.state}, not {state}")
    if rebuild.failure:
        raise PermanentError("rebuild-failed", f"{rebuild.id}: the tables beside miss something: {rebuild.failure}")


def _changed(service: Service[Any], rebuild_id: str, change: Callable[[Connection], None]) -> Rebuild:
    def changed(connection: Connection) -> Rebuild:
        change(connection)
        return _known(connection, rebuild_id)

    rebuild = _alone(service, changed)
    logger.info("rebuild", extra={"rebuild": rebuild.id, "state": rebuild.state})
    return rebuild


def _alone(service: Service[Any], change: Callable[[Connection], T]) -> T:
    """Run it in a transaction while no unit of work does; whoever is in the way is waited for briefly, and often."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with service.database.transaction() as connection:
                rows.hold(connection)
                return change(connection)
        except TransientError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable) or attempt == _ATTEMPTS:
                raise
        time.sleep(random.uniform(*_PAUSE_S))  # noqa: S311  # no secret
    raise AssertionError("the last attempt returns or raises")
