"""Code and manifests agree on which service publishes and consumes what."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts import REGISTRY, Contract
from contracts.ingest import ItemDeleted, ItemUploaded
from localmesh.config import MeshSettings
from localmesh.provision.clients import make_clients
from localmesh.provision.context import Context
from localmesh.provision.place import deployment_of
from manifests import FunctionRef, Manifests, Service, load_manifests
from testkit.contract_tests.entry import consumer_of, environment_of
from testkit.contract_tests.topology import contracts_built, publication_problems, subscription_problems
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
CONSUMERS = [ref for ref in MANIFESTS.functions if ref.service.consumed_by(ref.name)]


def named(ref: FunctionRef) -> str:
    return f"{ref.service.service}.{ref.name}"


@pytest.fixture(scope="module")
def nowhere() -> Context:
    """A place whose names are right and where no server is: importing a handler must not reach for one."""
    settings = MeshSettings(environment="nowhere")
    clients = make_clients(settings.emulator_url, settings.region)
    return Context(settings, MANIFESTS, deployment_of(settings, REPOSITORY), clients, lambda _: None)


@pytest.mark.parametrize("ref", CONSUMERS, ids=named)
def test_code_handles_what_the_manifest_consumes(ref: FunctionRef, nowhere: Context) -> None:
    with consumer_of(ref, environment_of(nowhere, ref)) as entry:
        assert subscription_problems(ref.service, ref.name, entry.contracts) == []


@pytest.mark.parametrize("service", MANIFESTS.services.values(), ids=lambda service: service.service)
def test_code_publishes_what_the_manifest_declares(service: Service) -> None:
    assert publication_problems(service, MANIFESTS.service_folder(service.service) / "src") == []


def test_every_consumed_event_is_published() -> None:
    published = {event for service in MANIFESTS.services.values() for event in service.publishes}
    published |= set(MANIFESTS.operators.publishes)
    retired = {contract.event_type for contract in REGISTRY.retired()}
    consumed = {item.event for service in MANIFESTS.services.values() for item in service.consumes if item.event}
    assert consumed <= published | retired
    assert published == {contract.event_type for contract in REGISTRY} - retired


def service(**declared: object) -> Service:
    functions = {"events": {"handler": "alpha.handler.on_events", "queue": {}}}
    return Service.model_validate({"service": "alpha", "summary": "A.", "functions": functions, **declared})


def test_a_subscription_that_is_not_declared_and_one_without_handler_are_found() -> None:
    consumes = [{"event": ItemDeleted.event_type, "function": "events"}]
    handled: Mapping[str, type[Contract]] = {ItemUploaded.event_type: ItemUploaded}
    assert subscription_problems(service(consumes=consumes), "events", handled) == [
        f"alpha.events gets {ItemDeleted.event_type}, and no handler is subscribed to it",
        f"alpha.events handles {ItemUploaded.event_type}, and the manifest does not consume it",
    ]


@pytest.mark.parametrize(
    "code",
    [
        "from contracts.ingest import ItemUploaded\nfact = ItemUploaded(filename='')\n",
        "from contracts.ingest import ItemUploaded as New\ndef emit(data):\n    return New.model_validate(data)\n",
        "from contracts import ingest\nfact = ingest.ItemUploaded(filename='')\n",
    ],
    ids=["imported", "renamed", "by module"],
)
def test_a_publication_that_is_not_declared_and_one_without_code_are_found(code: str, tmp_path: Path) -> None:
    package = tmp_path / "src" / "alpha"
    package.mkdir(parents=True)
    (package / "publishing.py").write_text(code)
    problems = publication_problems(service(publishes=[ItemDeleted.event_type]), tmp_path / "src")
    assert len(problems) == 2
    assert problems[0].startswith("src/alpha/publishing.py:")
    assert f"builds {ItemUploaded.event_type}, which alpha does not publish" in problems[0]
    assert problems[1] == f"alpha publishes {ItemDeleted.event_type}, and no code builds it"


def test_naming_a_contract_to_consume_it_is_not_publishing_it(tmp_path: Path) -> None:
    (tmp_path / "consuming.py").write_text(
        "from contracts.ingest import ItemUploaded\nfrom chassis.queue import on\nentry = on(ItemUploaded, print)\n"
    )
    assert list(contracts_built(tmp_path)) == []


def test_every_function_with_a_queue_of_our_events_is_looked_at() -> None:
    manifests: Manifests = MANIFESTS
    assert {named(ref) for ref in CONSUMERS} == {
        f"{service.service}.{item.function}"
        for service in manifests.services.values()
        for item in service.consumes
        if item.event
    }
