"""A rebuild while events arrive leaves the rows that are live, at every service whose tables are in Postgres alone."""

import importlib
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chassis import store
from chassis.rebuilds import asking, switching
from chassis.service import Service
from contracts import Contract, Event, ReplayKind, replayed
from manifests import load_manifests
from testkit import Deploy
from testkit.convergence import FLOWS, stream
from testkit.refolding import projected_rows
from workspace import REPOSITORY

pytestmark = pytest.mark.integration

SERVICES = sorted(
    name for name, service in load_manifests(REPOSITORY).services.items() if service.database and name != "sessions"
)


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, deploy: Deploy) -> Iterator[Service[Any]]:
    deployment = deploy(request.param)
    bootstrap = importlib.import_module(f"{request.param}.bootstrap").bootstrap
    settings_type = getattr(importlib.import_module(f"{request.param}.settings"), f"{request.param.title()}Settings")
    started = bootstrap(settings_type(**deployment.settings), deployment.aws)
    yield started
    started.database.close()


def test_a_rebuild_under_traffic_leaves_the_same(service: Service[Any]) -> None:
    chance = random.Random(service.settings.service)
    before, meanwhile, after = (_events(service, chance, name) for name in ("before", "meanwhile", "after"))
    _deliver(service, before)
    (rebuild,) = _ask(service, begin={"who": "a test", "why": "", "changed": [], "tenants": []})
    assert any(not each["is_equal"] for each in _compared(service, rebuild["id"])), "the tables beside are empty"
    replays = [
        replayed(each, replay_id=rebuild["id"], replay_for=service.settings.service, kind=ReplayKind.REBUILD)
        for each in before
        if not _is_own(service, each)
    ]
    mixed = [*replays, *replays[:5], *meanwhile]
    chance.shuffle(mixed)
    _deliver(service, mixed[::2])
    live = projected_rows(service)
    (rebuild,) = _ask(service, fold=rebuild["id"])
    assert projected_rows(service) == live, "what is folded again changes nothing that is live"
    _deliver(service, mixed[1::2])
    (rebuild,) = _ask(service, show=rebuild["id"])
    assert (rebuild["is_own_done"], rebuild["failure"], rebuild["applied"]) == (True, None, len(replays))
    live = projected_rows(service)
    assert [each for each in _compared(service, rebuild["id"]) if not each["is_equal"]] == []

    switching.switch(service, rebuild["id"])
    assert projected_rows(service) == live
    _deliver(service, after)
    newer = projected_rows(service)
    assert newer != live
    assert [each for each in _compared(service, rebuild["id"]) if not each["is_equal"]] == []
    switching.roll_back(service, rebuild["id"])
    assert projected_rows(service) == newer, "nothing is stale after a rollback"
    assert _compared(service, rebuild["id"]) == []


def _events(service: Service[Any], chance: random.Random, name: str) -> list[Event[Contract]]:
    """Shuffled streams of two tenants."""
    happened = [
        event
        for number, flow in enumerate(FLOWS)
        for event in stream(flow, tenant=f"tenant-{number % 2}", subject=f"{name}-{number}")
        if type(event.data) in service.projections.contracts
    ]
    chance.shuffle(happened)
    return happened


def _is_own(service: Service[Any], event: Event[Contract]) -> bool:
    return event.source == f"collections.{service.settings.service}"


def _deliver(service: Service[Any], events: Sequence[Event[Contract]]) -> None:
    for event in events:
        if _is_own(service, event):
            with service.work.on(event.tenant_id, event.subject) as work:
                version = store.stream_version(work.connection, event.tenant_id, event.subject)
                work.record(event, expected_version=version)
        elif (event.id, event.replay_id or "") not in service.work.applied([event]):
            with service.work.applying(event) as work:
                work.fold(event)


def _ask(service: Service[Any], **request: Any) -> list[dict[str, Any]]:
    return list(asking.answer(service, request)["rebuilds"])


def _compared(service: Service[Any], rebuild_id: str) -> list[dict[str, Any]]:
    tables = asking.answer(service, {"list": 1})["tables"]
    answers = [asking.answer(service, {"compare": rebuild_id, "table": table}) for table in tables]
    return [each["comparison"] for each in answers if "comparison" in each]
