"""Every service's README says what its manifest and its migrations say, and its diagram shows the same events."""

import re

import pytest

from manifests import load_manifests
from manifests.model import EVENT_TYPE
from manifests.readme import facts_in, in_document
from retrieval.projections import READ_MODEL
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
SERVICES = sorted(MANIFESTS.services)
_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def facts_of(*events: str) -> set[str]:
    """What the events are called, without service and version."""
    return {found["fact"] for event in events if (found := EVENT_TYPE.match(event))}


KNOWN = facts_of(
    *(event for service in MANIFESTS.services.values() for event in service.publishes),
    *MANIFESTS.operators.publishes,
)


def readme(service: str) -> str:
    return (MANIFESTS.service_folder(service) / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("service", SERVICES)
def test_the_readme_is_not_stale(service: str) -> None:
    document = readme(service)
    assert in_document(document, MANIFESTS, MANIFESTS.services[service]) == document, "run: make readmes"


@pytest.mark.parametrize("service", SERVICES)
def test_the_diagram_shows_the_events_of_the_manifest(service: str) -> None:
    manifest = MANIFESTS.services[service]
    facts = facts_of(*manifest.publishes, *(entry.event for entry in manifest.consumes if entry.event))
    assert facts
    (diagram,) = _DIAGRAM.findall(readme(service))[:1]
    assert facts_in(diagram) & KNOWN == facts, "the diagram differs from service.yaml"


def test_the_readme_of_the_repository_lists_every_service() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| \[services/([a-z]+)\]\(services/\1/\)", text, flags=re.MULTILINE))
    assert listed == set(SERVICES)


def test_the_read_models_readme_names_the_events_that_it_is_folded_from() -> None:
    document = (REPOSITORY / "services" / "lib" / "retrieval" / "README.md").read_text(encoding="utf-8")
    facts = facts_of(*(contract.event_type for contract in READ_MODEL.contracts))
    assert facts - facts_in(document) == set()
