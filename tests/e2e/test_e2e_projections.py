"""After everything that users do, every projection of every service can be emptied and folded again from events."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from chassis.service import Service
from contracts import REGISTRY, Contract, ContractError, Event
from contracts.operations import BudgetReport, ErasureReceipt, ReplayReport
from localmesh.provision.place import deployment_of
from manifests import Manifests, TableKind, function_environment, load_manifests
from mesh.client import Api
from testkit import eventually
from testkit.operator import RunningMesh
from testkit.refolding import assert_refolds
from workspace import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

Draw = Callable[..., Path]
MANIFESTS: Manifests = load_manifests(REPOSITORY)
SERVICES = sorted(MANIFESTS.services)


@pytest.fixture(scope="module")
def facts(mesh: RunningMesh, draw: Draw) -> list[Event[Contract]]:
    """Everything that all services have recorded once two users have used the whole mesh."""
    mesh.providers.mode("instant")
    with mesh.new_user() as one, mesh.new_user() as other, ThreadPoolExecutor(2) as both:
        list(both.map(lambda api: _use(api, draw, mesh), (one, other)))
    mesh.providers.mode("models")
    events = [event for service in SERVICES for event in _recorded(mesh, service)]
    published = {event for service in MANIFESTS.services.values() for event in service.publishes}
    assert {event.type for event in events} >= published - NOT_CAUSED_HERE
    return [*events, *_put_by_tests(mesh)]


#: Failures of providers and of uploads, stuck items, expiry by the clock, replays, samples of a reprocessing, and
#: forgetting have their own tests.
NOT_CAUSED_HERE = {
    *(
        contract.event_type
        for contract in REGISTRY
        if issubclass(contract, BudgetReport | ErasureReceipt | ReplayReport)
    ),
    "collections.chat.turns-erased.v1",
    "collections.ingest.tenant-forgotten.v1",
    "collections.analysis.analysis-failed.v1",
    "collections.analysis.candidate-analyzed.v1",
    "collections.embedding.embedding-failed.v1",
    "collections.ingest.retry-requested.v1",
    "collections.ingest.upload-rejected.v1",
    "collections.sessions.session-expired.v3",
}


def _use(api: Api, draw: Draw, mesh: RunningMesh) -> None:
    """What leads to an event of every kind that a user can cause."""
    whole = [api.upload(draw(f"number {number}"))["id"] for number in range(4)]
    broken = api.upload(_cut_off(draw("broken")))["id"]
    final = api.follow([*whole, broken])
    assert [final[item]["status"] for item in (*whole, broken)] == [*["searchable"] * 4, "rejected"]
    first, second, third, _ = whole
    api.json("POST", f"/items/{first}/analyze", json={"force_reanalyze": True})
    api.json("POST", f"/items/{second}/analyze", json={"force_reanalyze": True}, headers={"Prefer": "respond-async"})
    api.json("POST", f"/items/{second}/resize-only")
    eventually(mesh.is_idle, timeout_s=60)
    api.json("POST", "/vector-index/rebuild")
    sessions = [str(uuid.uuid4()) for _ in range(2)]
    for session in sessions:
        for question in ("what is there?", "and what else?"):
            api.chat(session, question)
    api.delete(third)
    eventually(mesh.is_idle, timeout_s=60)
    api.json("DELETE", f"/chat/sessions/{sessions[1]}")
    eventually(mesh.is_idle, timeout_s=60)


def _cut_off(picture: Path) -> Path:
    """The same picture without its second half."""
    content = picture.read_bytes()
    picture.write_bytes(content[: len(content) // 2])
    return picture


def _put_by_tests(mesh: RunningMesh) -> Iterator[Event[Contract]]:
    """What other tests of the session have put on the bus, but what no consumer takes."""
    for document in mesh.put:
        with suppress(ContractError):
            yield REGISTRY.read(document)


def _recorded(mesh: RunningMesh, service: str) -> list[Event[Contract]]:
    query = sql.SQL("SELECT event FROM {} ORDER BY position").format(sql.Identifier(service, "events"))
    return [REGISTRY.read(row["event"]) for row in mesh.rows(query)]


@pytest.fixture
def service(
    request: pytest.FixtureRequest, mesh: RunningMesh, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service[Any]]:
    """The service as one of its functions builds it, outside of what runs them."""
    name = request.param
    function = next(ref for ref in MANIFESTS.functions if ref.service.service == name)
    variables = function_environment(MANIFESTS, deployment_of(mesh.settings, REPOSITORY), function)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    aws = {"AWS_ENDPOINT_URL": mesh.settings.emulator_url, "AWS_DEFAULT_REGION": mesh.settings.region}
    for variable, value in (aws | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}).items():
        monkeypatch.setenv(variable, value)
    made = import_module(f"{name}.handler").ENTRY_POINTS.bootstrap()
    yield made
    made.database.close()


@pytest.mark.parametrize("service", SERVICES, indirect=True)
def test_every_projection_is_made_from_events_alone(
    service: Service[Any], mesh: RunningMesh, facts: list[Event[Contract]]
) -> None:
    manifest = MANIFESTS.services[service.settings.service]
    types = {subscription.event for subscription in manifest.consumes}
    consumed = [event for event in facts if event.type in types]
    assert consumed
    tables = [
        mesh.provisioned.tables[name] for name, table in manifest.tables.items() if table.kind is TableKind.PROJECTION
    ]
    assert_refolds(service, consumed, dynamodb=tables, seed=len(facts))
