"""The event store's rates: appends by several connections at once, and reading all of it back.

Each writer is a process with a connection of its own, as a function is; it appends events of a usual size, made
beforehand, with all that `chassis.store.append` does: the contract, the size, the outbox. It is one statement, and
without a transaction around it one of its own. Beside it the same documents are inserted into a table with the same
order and nothing else, so that the ratio is what the guarantees cost. What is read back follows the gap-safe order from
the first event to the last: as typed events, in bulk as they are stored (the place of each and its document as text:
what the least is set for), and in bulk with every document decoded to a dictionary.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row
from pydantic_core import to_json

from benchmarks.figures import Figure, Section
from chassis import store
from chassis.migrations import migrate
from contracts import REGISTRY, Contract, Event, new_event
from contracts.imaging import ImageProcessed
from contracts.schemas import examples
from localmesh.postgres import Postgres
from workspace import REPOSITORY

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

    from benchmarks.target_mesh import Report

SCHEMA = "bench"
MIGRATIONS = REPOSITORY / "services/lib/chassis/migrations"
PLAIN = """
    CREATE TABLE plain (
        position       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        transaction_id xid8    NOT NULL DEFAULT pg_current_xact_id(),
        stream_id      text    NOT NULL,
        stream_version integer NOT NULL,
        event          jsonb   NOT NULL,
        UNIQUE (stream_id, stream_version)
    );
    CREATE INDEX plain_order ON plain (transaction_id, position)
"""
#: Events in a transaction, and the least events a second of four connections.
LEAST = {1: 3_500, 10: 13_000}
LEAST_READ = 100_000
PAGE = 5_000
#: Held in memory at once: 25 MB.
BULK = 20_000

#: Made for each writer before a run; one that has written them all stops before its time.
READY = 10_000

Connection = psycopg.Connection[dict[str, Any]]
Events = list[Event[Contract]]
# Writes a batch behind so many events of its stream.
Write = Callable[[int], object]


def appends(connection: Connection, batches: list[Events]) -> list[Write]:
    """The next events of a stream, by the event store."""

    def append(batch: Events, version: int) -> None:
        store.append(connection, batch, expected_version=version)

    return [partial(append, batch) for batch in batches]


def inserts(connection: Connection, batches: list[Events]) -> list[Write]:
    """The same documents, which nobody checks meanwhile."""
    stream = batches[0][0].subject

    def insert(documents: str, version: int) -> None:
        connection.execute(
            """
            INSERT INTO plain (stream_id, stream_version, event)
            SELECT %s, %s + place, event FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS given (event, place)
            """,
            (stream, version, documents),
        )

    return [partial(insert, to_json([event.to_wire() for event in batch]).decode()) for batch in batches]


WRITES = {"append": appends, "insert": inserts}
# Where the writers of a run wait until each has imported what it needs, and is connected.
_start: list[Barrier] = []


def write(dsn: str, kind: str, batch: int, seconds: float) -> float:
    """Write events of one stream for so long, once all writers are there; returns how many a second."""
    _, _, example = next(iter(examples(REPOSITORY / "contracts/examples", ImageProcessed.event_type)))
    data = REGISTRY.read(json.loads(example.read_text(encoding="utf-8"))).data
    stream, version = str(uuid.uuid4()), 0
    batches = [
        [new_event(data, subject=stream, tenant_id="tenant") for _ in range(batch)] for _ in range(READY // batch)
    ]
    with _connected(dsn) as connection:
        writes = WRITES[kind](connection, batches)
        _start[0].wait()
        begun = time.perf_counter()
        for each in writes:
            each(version)
            version += batch
            if (took := time.perf_counter() - begun) >= seconds:
                break
    return version / took


def measure_store(
    report: Report, *, connections: int = 4, seconds: float = 1, runs: int = 3, read: int = 20_000
) -> list[Section]:
    """Rates of writing and of reading `read` events in events a second, medians of the runs."""
    with tempfile.TemporaryDirectory(prefix="collections-bench-") as folder, Postgres(Path(folder)) as server:
        dsn = server.dsn()
        with _connected(dsn) as connection:
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
            migrate(dsn, SCHEMA, [MIGRATIONS])
            connection.execute(PLAIN)
        figures = []
        with _writers(connections) as pool:
            for batch, least in LEAST.items():
                rates = {}
                for kind in WRITES:
                    report(f"{kind}, {batch} in a transaction")
                    rates[kind] = statistics.median(
                        _written(pool, connections, dsn, kind, batch, seconds) for _ in range(runs)
                    )
                subject = f"append, {batch} in a transaction"
                figures.append(Figure(subject, "events/s", rates["append"], "", limit=least, least=True))
                figures.append(Figure(subject, "beside bare", rates["append"], "", reference=rates["insert"]))
        report("reading back")
        with _connected(dsn) as connection:
            _fill(connection, read)
            typed = statistics.median(_rate(connection, partial(read_typed, most=read)) for _ in range(runs))
            bulk = statistics.median(_rate(connection, partial(read_bulk, most=read)) for _ in range(runs))
            decoded = statistics.median(
                _rate(connection, partial(read_bulk, most=read, decode=True)) for _ in range(runs)
            )
        figures.append(Figure("read back, typed", "events/s", typed, ""))
        figures.append(Figure("read back, in bulk", "events/s", bulk, "", limit=LEAST_READ, least=True))
        figures.append(Figure("read back, in bulk, decoded", "events/s", decoded, ""))
    title = f"Event store, {connections} connections"
    return [Section(title, tuple(figures), reference="the same documents in a table with the same order, unchecked")]


@contextmanager
def _writers(connections: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that wait for one another before each run; all runs have the same, so that each imports once."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(connections)
    with ProcessPoolExecutor(connections, spawn, initializer=_begin_at, initargs=(barrier,)) as pool:
        yield pool


def _written(pool: ProcessPoolExecutor, connections: int, dsn: str, kind: str, batch: int, seconds: float) -> float:
    rates = [pool.submit(write, dsn, kind, batch, seconds) for _ in range(connections)]
    return sum(rate.result() for rate in rates)


def _begin_at(barrier: Barrier) -> None:
    _start.append(barrier)


def _fill(connection: Connection, least: int) -> None:
    """Store what is missing to so many events: copies of the last one that was appended."""
    connection.execute(
        """
        INSERT INTO events (event_id, tenant_id, stream_id, stream_version, type, event)
        SELECT gen_random_uuid()::text, tenant_id, gen_random_uuid()::text, 1, type, event
        FROM (SELECT * FROM events ORDER BY position DESC LIMIT 1) AS last,
             generate_series(1, %s - (SELECT count(*) FROM events))
        """,
        (least,),
    )
    connection.execute("ANALYZE events")


def read_typed(connection: Connection, *, most: int) -> int:
    """Read so many as events, page by page; returns how many."""
    count, after = 0, store.BEGINNING
    while page := store.read_all(connection, after, limit=min(PAGE, most - count)):
        count, after = count + len(page), page[-1].checkpoint
    return count


def read_bulk(connection: Connection, *, most: int, decode: bool = False) -> int:
    """Read so many as they are stored, `BULK` at a time; returns how many."""
    count, after = 0, store.BEGINNING
    while found := list(store.read_bulk(connection, after, limit=min(BULK, most - count))):
        if decode:
            for each in found:
                each.decoded()
        count, after = count + len(found), found[-1].checkpoint
    return count


def _rate(connection: Connection, read: Callable[[Connection], int]) -> float:
    started = time.perf_counter()
    return read(connection) / (time.perf_counter() - started)


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row, options=f"-c search_path={SCHEMA}") as connection:
        yield connection
