"""A rebuild while events arrive leaves the rows that are live, at every service.

Of sessions these are the rows in Postgres; its table in DynamoDB has nothing beside it, and live folds alone write it.
"""

import importlib
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from psycopg import sql

from chassis.audit import folds
from chassis.rebuilds import asking, switching
from chassis.service import Service
from contracts import Contract, Event, ReplayKind, replayed
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded
from manifests import load_manifests
from testkit import Deploy, Deployment, make_table
from testkit.convergence import apply, is_own, shuffled
from testkit.fakes import example
from testkit.refolding import projected_rows
from workspace import REPOSITORY

pytestmark = pytest.mark.integration

#: Events of the scheduled test.
EVENTS = int(os.environ.get("REBUILT_EVENTS", "100000"))

SERVICES = {name: service for name, service in sorted(load_manifests(REPOSITORY).services.items()) if service.database}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, deploy: Deploy) -> Iterator[Service[Any]]:
    deployment = deploy(request.param)
    tables = {
        f"table_{name}": make_table(deployment.aws, request.param, name) for name in SERVICES[request.param].tables
    }
    started = _started(request.param, deployment, tables)
    yield started
    started.database.close()
    for made in tables.values():
        deployment.aws.dynamodb.delete_table(TableName=made)


def _started(name: str, deployment: Deployment, tables: Mapping[str, str] | None = None) -> Service[Any]:
    bootstrap = importlib.import_module(f"{name}.bootstrap").bootstrap
    settings_type = getattr(importlib.import_module(f"{name}.settings"), f"{name.title()}Settings")
    started: Service[Any] = bootstrap(settings_type(**deployment.settings, **(tables or {})), deployment.aws)
    return started


@pytest.mark.sampled(2)
def test_a_rebuild_under_traffic_leaves_the_same(service: Service[Any]) -> None:
    chance = random.Random(service.settings.service)
    before, meanwhile, after = (shuffled(service, chance, name) for name in ("before", "meanwhile", "after"))
    apply(service, before)
    (rebuild,) = _ask(service, begin={"who": "a test", "why": "", "changed": [], "tenants": []})
    assert any(not each["is_equal"] for each in _compared(service, rebuild["id"])), "the tables beside are empty"
    replays = [
        replayed(each, replay_id=rebuild["id"], replay_for=service.settings.service, kind=ReplayKind.REBUILD)
        for each in before
        if not is_own(service, each)
    ]
    mixed = [*replays, *replays[:5], *meanwhile]
    chance.shuffle(mixed)
    apply(service, mixed[::2])
    live = projected_rows(service)
    (rebuild,) = _ask(service, fold=rebuild["id"])
    assert projected_rows(service) == live, "what is folded again changes nothing that is live"
    apply(service, mixed[1::2])
    (rebuild,) = _ask(service, show=rebuild["id"])
    assert (rebuild["is_own_done"], rebuild["failure"], rebuild["applied"]) == (True, None, len(replays))
    live = projected_rows(service)
    assert [each for each in _compared(service, rebuild["id"]) if not each["is_equal"]] == []

    switching.switch(service, rebuild["id"])
    assert projected_rows(service) == live
    apply(service, after)
    newer = projected_rows(service)
    assert newer != live
    assert [each for each in _compared(service, rebuild["id"]) if not each["is_equal"]] == []
    switching.roll_back(service, rebuild["id"])
    assert projected_rows(service) == newer, "nothing is stale after a rollback"
    assert _compared(service, rebuild["id"]) == []


@pytest.mark.sampled(2)
def test_some_items_are_rebuilt_and_nothing_else(service: Service[Any]) -> None:
    """Rows that went wrong are right again, and so are numbers of their tenants; a rollback loses no event."""
    chance = random.Random(service.settings.service)
    events = shuffled(service, chance, "before")
    later = events[: len(events) // 4]
    events = events[len(later) :]
    apply(service, events)
    right = projected_rows(service)
    subjects = sorted({event.subject for event in events})[:2]
    rebuild = _begin(service, subjects, events)
    assert [each for each in _compared(service, rebuild) if not each["is_equal"]] == []
    asking.answer(service, {"cancel": rebuild})

    _spoil(service, subjects)
    wrong = projected_rows(service)
    assert wrong != right
    rebuild = _begin(service, subjects, events)
    assert projected_rows(service) == wrong
    assert [each for each in _compared(service, rebuild) if not each["is_equal"]]
    switching.switch(service, rebuild)
    assert projected_rows(service) == right
    switching.roll_back(service, rebuild)
    switched = _begin(service, subjects, events)
    switching.switch(service, switched)
    assert projected_rows(service) == right

    again = _begin(service, subjects, events)
    switching.switch(service, again)
    apply(service, later)
    newer = projected_rows(service)
    switching.roll_back(service, again)
    assert projected_rows(service) == newer


def _begin(service: Service[Any], subjects: Sequence[str], events: Sequence[Event[Contract]]) -> str:
    """A rebuild of these subjects, into which everything has been folded."""
    wanted = {"who": "a test", "why": "", "changed": [], "tenants": [], "subjects": list(subjects)}
    (rebuild,) = _ask(service, begin=wanted)
    apply(
        service,
        [
            replayed(each, replay_id=rebuild["id"], replay_for=service.settings.service, kind=ReplayKind.REBUILD)
            for each in events
            if each.subject in subjects and not is_own(service, each)
        ],
    )
    (rebuild,) = _ask(service, fold=rebuild["id"])
    assert rebuild["is_own_done"]
    return str(rebuild["id"])


def _spoil(service: Service[Any], subjects: Sequence[str]) -> None:
    """Rows of the subjects are gone, and numbers of their tenants are wrong."""
    with service.database.transaction() as connection:
        for table in folds.tables(connection, service.settings.database_schema):
            if table.subject is not None:
                statement = sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)")
                names = (sql.Identifier(table.name), sql.Identifier(table.subject))
                connection.execute(statement.format(*names), (list(subjects),))
        if "tenant_stats" in service.derived_tables:
            connection.execute("UPDATE tenant_stats SET documents = documents + 7")
            connection.execute("DELETE FROM postings WHERE item_id = ANY(%s)", (list(subjects),))


@pytest.mark.scheduled
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_events_are_rebuilt_with_equal_hashes(
    deploy: Deploy, capsys: pytest.CaptureFixture[str]
) -> None:
    """Search, of items of many tenants; what is folded live meanwhile counts too."""
    deployment = deploy("search")
    search = _started("search", deployment)
    items = EVENTS // 2
    for start in range(0, items, 50):
        with search.database.transaction() as connection:
            connection.execute("SET LOCAL synchronous_commit = off")
            for event in _described(range(start, start + 50)):
                search.projections.fold(connection, event)
    rebuild = switching.begin(search, who="a test", why="")
    begun = time.monotonic()
    for event in _described(range(items)):
        again = replayed(event, replay_id=rebuild.id, replay_for="search", kind=ReplayKind.REBUILD)
        with search.work.applying(again) as work:
            work.fold(again)
    seconds = time.monotonic() - begun
    apply(search, list(_described(range(items, items + 100))))
    (shown,) = _ask(search, fold=rebuild.id)
    assert shown["applied"] == EVENTS
    compared = time.monotonic()
    found = {each["table"]: each for each in _compared(search, rebuild.id)}
    compared = time.monotonic() - compared
    assert {each["live_rows"] for each in found.values()} >= {items + 100}
    assert all(each["is_equal"] for each in found.values()), found
    switching.switch(search, rebuild.id)
    tables = ", ".join(f"{name} {each['live_rows']:,} rows …{each['live_hash'][-8:]}" for name, each in found.items())
    with capsys.disabled():
        sys.stdout.write(
            f"\n{EVENTS:,} events in {seconds:.0f} s ({EVENTS / seconds:,.0f} a second), compared in {compared:.1f} s;"
            f" live and beside: {tables}\n"
        )
    search.database.close()


@cache
def _examples() -> tuple[Event[ItemAnalyzed], Event[ItemEmbedded]]:
    return example(ItemAnalyzed, tenant="", subject=""), example(ItemEmbedded, tenant="", subject="")


def _described(numbers: Iterable[int]) -> Iterator[Event[Contract]]:
    """Two events of each item, which has words of its own."""
    analyzed, embedded = _examples()
    for number in numbers:
        tenant, item = f"tenant-{number % 40}", f"item-{number}"
        named = analyzed.data.model_copy(update={"original_filename": f"word{number % 997} word{number}.png"})
        yield replace(analyzed, tenant_id=tenant, subject=item, id=f"analyzed-{number}", data=named)
        yield replace(embedded, tenant_id=tenant, subject=item, id=f"embedded-{number}")


def _ask(service: Service[Any], **request: Any) -> list[dict[str, Any]]:
    return list(asking.answer(service, request)["rebuilds"])


def _compared(service: Service[Any], rebuild_id: str) -> list[dict[str, Any]]:
    tables = asking.answer(service, {"list": 1})["tables"]
    answers = [asking.answer(service, {"compare": rebuild_id, "table": table}) for table in tables]
    return [each["comparison"] for each in answers if each.get("comparison")]
