"""What is scaffolded passes every check and test: in a copy of the repository, with an event and its consumers and a
route added."""

from pathlib import Path

import pytest

from testkit.checkout import Checkout, copied_repository

_FIELDS = ("tag:str", "at:datetime", "words:list", "score:float?", "sure:bool", "count:int", "others:list?")
_SERVICES = ("analysis", "chat", "embedding", "imaging", "ingest", "search", "sessions")
#: Members and folders whose tests read manifests, contracts or the code of services.
_TESTED = (
    "contracts", "services", "libraries/manifests", "tools/registry", "tools/mesh",
    "tests/contracts", "tests/architecture", "tests/docs", "tests/imports", "tests/infrastructure",
)  # fmt: skip


_ATTACKS = ("isolation", "tokens")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A copy of this repository."""
    return copied_repository(tmp_path / "repository")


def add_event(checkout: Checkout, service: str, *consumers: str) -> None:
    options = [word for field in _FIELDS for word in ("--field", field)]
    options += [word for name in consumers for word in ("--consumer", name)]
    checkout.run("mesh.cli", "contracts", "new", service, "thing-tagged", "--summary", "A thing was tagged", *options)


def add_route(checkout: Checkout, service: str, *fields: str) -> None:
    options = [word for field in fields for word in ("--field", field)]
    checkout.run("mesh.cli", "new", "route", service, "POST", f"/{service}-things/{{id}}/tags", *options)


def new_tests(checkout: Checkout) -> list[str]:
    return sorted(path for path in checkout.changed() if "/tests/test_" in path)


@pytest.mark.scheduled
@pytest.mark.integration
def test_what_is_scaffolded_passes_its_own_tests_and_those_of_its_places(checkout: Checkout) -> None:
    add_event(checkout, "ingest", "search")
    add_route(checkout, "ingest", "tag:str", "at:datetime?")
    assert len(new_tests(checkout)) == 3
    checkout.run("ruff", "check")
    checkout.run("ruff", "format", "--check")
    checkout.run("mesh.cli", "contracts", "check")
    places = ["tests/contracts/test_topology.py", "tests/architecture", "tests/docs"]
    chosen = "tagged or (ingest or search) and not importing or picture"
    checkout.run("pytest", "-q", *new_tests(checkout), *places, "-k", chosen)
    attacks = checkout.run("pytest", "-q", "--collect-only", *(f"tests/e2e/test_e2e_{name}.py" for name in _ATTACKS))
    # It needs a token, and has nothing yet that could be another's.
    [attacked] = [line for line in attacks.splitlines() if "/ingest-things/" in line]
    assert attacked.startswith("tests/e2e/test_e2e_tokens.py")


@pytest.mark.scheduled
@pytest.mark.integration
@pytest.mark.timeout(3600)
def test_what_is_scaffolded_everywhere_passes_every_check_and_test(checkout: Checkout) -> None:
    """All services consume the event, and each has a new route."""
    add_event(checkout, "ingest", *_SERVICES)
    for service in _SERVICES:
        add_route(checkout, service, *_FIELDS)
    assert len(new_tests(checkout)) == 1 + 2 * len(_SERVICES)
    for check in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["mesh.cli", "contracts", "check"]):
        checkout.run(*check)
    checkout.run("pytest", "-q", *_TESTED)
