"""A replay: from the store to the bus, and to the consumer's tables, beside a bare client that puts the same events."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from benchmarks.figures import Figure, Section
from benchmarks.processes import Usage, usage
from benchmarks.target_mesh import Report, TargetMesh, target_mesh
from chassis.bus import MAX_ENTRIES
from contracts import ReplayKind
from contracts.analysis import ItemAnalyzed
from contracts.operations import MAX_RATE, ReplayRequested, ReplayState, Selection
from contracts.schemas import examples
from manifests import load_manifests
from mesh.environments.opening import local_environment
from mesh.rebuild.running import Runner, Wanted
from mesh.replay import ordering
from mesh.replay.asking import Owners
from workspace import REPOSITORY

#: Events a second from the store to the bus, beside those of the bare client.
RATIO_LIMIT: Final = 0.5
#: The p95 of live events beside a replay, at the rate that `mesh replay` orders, beside that without one.
LIVE_LIMIT: Final = 1.1
_LIVE_EVENTS: Final = 60
_RATE: Final = 500
_GOAL: Final = "2,000 on two quiet processors"
_PATIENCE_S: Final = 900.0
_AT_ONCE: Final = 4
_UNDER_WAY_S: Final = 3.0
_WORTH_SHOWING: Final = 0.01
# Of what it gets no event reaches a rule: the bus is measured, and no consumer.
_DEAF: Final = "imaging"
_CONSUMER: Final = "search"


@dataclass(frozen=True, slots=True)
class Rates:
    """Events a second: put by a bare client, replayed to the bus, and to search's tables, where they are `tenant`'s.

    `parts` says where the time to the bus goes.
    """

    bare: float
    to_bus: float
    to_tables: float
    tenant: str
    parts: Section


def measure_replay(
    report: Report, *, running: bool = False, events: int = 20_000, folded: int = 2_000
) -> list[Section]:
    """Replay that many stored events to nobody, and `folded` of them to search. Raises TimeoutError."""
    with target_mesh(report, running=running) as mesh:
        rates = measure_rates(mesh, report, events=events, folded=folded)
        report("rebuilding search beside its tables")
        rebuilt = folded / _rebuild_seconds(mesh, rates.tenant)
        report("live events alone")
        (example,) = _documents(rates.tenant, 1)
        alone = _live_p95(mesh, example)
        report("live events beside a replay")
        beside = _beside_a_replay(mesh, example, rates.tenant)
    bare = rates.bare
    return [
        Section(
            "replay",
            (
                Figure(
                    "store to bus", "events a second", rates.to_bus, "1/s", bare, RATIO_LIMIT, least=True, note=_GOAL
                ),
                Figure("store to search's tables", "events a second", rates.to_tables, "1/s", bare),
                Figure("rebuilt beside them, compared, switched", "events a second", rebuilt, "1/s", bare),
                Figure("live event to search's tables, p95", "alone", alone, "s"),
                Figure("live event to search's tables, p95", "beside a replay", beside, "s", alone, LIVE_LIMIT),
            ),
            reference="PutEvents of the same events, ten a call, four calls at once",
            notes=(f"{events:,} item-analyzed to the bus, {folded:,} to search, which folds them one by one",),
        ),
        rates.parts,
    ]


def measure_rates(mesh: TargetMesh, report: Report, *, events: int, folded: int) -> Rates:
    """Store and replay that many events to nobody, and `folded` others to search. Raises TimeoutError."""
    report("storing events")
    tenants = [str(uuid.uuid4()), str(uuid.uuid4())]
    documents = [*_documents(tenants[0], events), *_documents(tenants[1], folded)]
    _store(mesh, documents)
    report("putting events with a bare client")
    bare = _bare_rate(mesh, documents[: min(events, 5000)])
    report("replaying to the bus")
    before = usage(mesh.settings.paths)
    to_bus = events / _seconds(mesh, _DEAF, tenants[0])
    parts = _parts(before, usage(mesh.settings.paths), events)
    report("replaying to search")
    started = time.monotonic()
    _seconds(mesh, _CONSUMER, tenants[1])
    _wait(lambda: _folded(mesh, tenants[1]) >= folded)
    return Rates(bare, to_bus, folded / (time.monotonic() - started), tenants[1], parts)


def _parts(before: Usage, after: Usage, events: int) -> Section:
    """Processor time of each process from the store to the bus: on a busy machine it says more than the rate."""
    spent = {group: now - before.cpu_s.get(group, 0) for group, now in after.cpu_s.items()}
    figures = [
        Figure(group, "processor time an event", used / events * 1e6, "µs")
        for group, used in sorted(spent.items(), key=lambda entry: -entry[1])
        if used >= _WORTH_SHOWING * sum(spent.values())
    ]
    return Section("Where a replay's time goes, store to bus", tuple(figures))


def _documents(tenant: str, number: int) -> Iterator[dict[str, Any]]:
    *_, path = (
        path
        for event_type, version, path in examples(REPOSITORY / "contracts" / "examples", ItemAnalyzed.event_type)
        if (event_type, version) == (ItemAnalyzed.event_type, ItemAnalyzed.schema_version)
    )
    example = json.loads(path.read_text(encoding="utf-8"))
    for _ in range(number):
        yield {**example, "id": str(uuid.uuid4()), "subject": str(uuid.uuid4()), "tenantid": tenant, "sequence": "1"}


def _store(mesh: TargetMesh, documents: Sequence[dict[str, Any]]) -> None:
    columns = "event_id, tenant_id, stream_id, stream_version, type, event"
    with (
        psycopg.connect(mesh.settings.postgres_dsn("collections")) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"COPY analysis.events ({columns}) FROM STDIN") as copy,
    ):
        for each in documents:
            copy.write_row((each["id"], each["tenantid"], each["subject"], 1, each["type"], json.dumps(each)))


def _bare_rate(mesh: TargetMesh, documents: Sequence[dict[str, Any]]) -> float:
    client = mesh.client("events")
    entries = [
        {
            "EventBusName": mesh.provisioned.event_bus,
            "Source": each["source"],
            "DetailType": each["type"],
            "Detail": json.dumps({**each, "replayid": "bare", "replayfor": _DEAF}),
        }
        for each in documents
    ]
    started = time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        calls = [entries[place : place + MAX_ENTRIES] for place in range(0, len(entries), MAX_ENTRIES)]
        list(pool.map(lambda call: client.put_events(Entries=call), calls))
    return len(documents) / (time.monotonic() - started)


def _beside_a_replay(mesh: TargetMesh, example: dict[str, Any], tenant: str) -> float:
    """The p95 while replays of the tenant's events follow one another."""
    ended = threading.Event()

    def replay() -> None:
        while not ended.is_set():
            _seconds(mesh, _CONSUMER, tenant, rate=_RATE)

    with ThreadPoolExecutor(1) as pool:
        replaying = pool.submit(replay)
        try:
            time.sleep(_UNDER_WAY_S)
            return _live_p95(mesh, example)
        finally:
            ended.set()
            replaying.result()


def _live_p95(mesh: TargetMesh, example: dict[str, Any]) -> float:
    """Seconds from PutEvents to the row in search's table; events come one by one, each of a new item."""
    client, seconds = mesh.client("events"), []
    with psycopg.connect(mesh.settings.postgres_dsn("collections"), autocommit=True) as connection:
        for _ in range(_LIVE_EVENTS):
            event = {**example, "id": str(uuid.uuid4()), "subject": str(uuid.uuid4()), "tenantid": str(uuid.uuid4())}
            entry = {"Source": event["source"], "DetailType": event["type"], "Detail": json.dumps(event)}
            started = time.monotonic()
            client.put_events(Entries=[{"EventBusName": mesh.provisioned.event_bus, **entry}])
            query = "SELECT 1 FROM search.documents WHERE tenant_id = %s AND item_id = %s"
            while connection.execute(query, (event["tenantid"], event["subject"])).fetchone() is None:
                if time.monotonic() > started + _PATIENCE_S:
                    raise TimeoutError("a live event did not arrive")
                time.sleep(0.002)
            seconds.append(time.monotonic() - started)
    return sorted(seconds)[int(0.95 * len(seconds))]


def _seconds(mesh: TargetMesh, consumer: str, tenant: str, *, rate: int = MAX_RATE) -> float:
    """How long the replay takes, from the order to the last event on the bus."""
    environment, replay = local_environment(mesh.settings), str(uuid.uuid4())
    order = ReplayRequested(
        who="benchmark",
        why="measuring",
        consumer=consumer,
        kind=ReplayKind.REBUILD,
        selection=Selection(types=(ItemAnalyzed.event_type,), tenants=(tenant,)),
        rate=rate,
    )
    owners, started = Owners(environment), time.monotonic()
    ordering.publish(environment, order, replay)
    _wait(lambda: [each.state for each in owners.show(replay, ["analysis"])] == [ReplayState.COMPLETED])
    return time.monotonic() - started


def _rebuild_seconds(mesh: TargetMesh, tenant: str) -> float:
    """How long the rebuild of a tenant's rows takes, from the beginning to the switch. Raises RebuildError."""
    wanted = Wanted(_CONSUMER, why="measuring", tenants=(tenant,), rate=MAX_RATE)
    runner = Runner(local_environment(mesh.settings), load_manifests(REPOSITORY), wanted, quiet=True)
    started = time.monotonic()
    outcome = runner.prepare()
    runner.judge(outcome)
    runner.switch(outcome)
    seconds = time.monotonic() - started
    runner.rebuilds.cancel(outcome.rebuild.id)
    return seconds


def _folded(mesh: TargetMesh, tenant: str) -> int:
    with psycopg.connect(mesh.settings.postgres_dsn("collections")) as connection:
        row = connection.execute("SELECT count(*) FROM search.documents WHERE tenant_id = %s", (tenant,)).fetchone()
    return int(row[0]) if row else 0


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the replay has not ended within {_PATIENCE_S:.0f} s")
        time.sleep(0.25)
