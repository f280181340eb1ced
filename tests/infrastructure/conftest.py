"""Fixtures: Terraform and its providers, each configuration of this checkout run once, and the environments.

Everything runs in a copy with dummy credentials: nothing here can reach AWS.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from manifests import Manifests, load_manifests
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.terraform import (
    Runner,
    Terraform,
    copy_configuration,
    find_terraform,
    write_packages,
)
from policy_checks.terraform.skipping import terraform_or_skip
from registry.export import export
from workspace import REPOSITORY

# A test may wait for other runs of Terraform, and for the download of providers.
_PATIENCE_S: Final = 900
_CANARIES: Final = {
    name: f"canary-{name.lower().replace('_', '-')}-0123456789"
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "VOYAGE_API_KEY", "TAVILY_API_KEY", "LANGSMITH_API_KEY")
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests in this folder may be slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(_PATIENCE_S))


@pytest.fixture(scope="session")
def terraform() -> Terraform:
    """Terraform with usable providers. Where CI provides it, errors fail; elsewhere tests are skipped."""
    return terraform_or_skip(find_terraform)


@pytest.fixture(scope="session")
def manifests() -> Manifests:
    """All manifests of the repository."""
    return load_manifests(REPOSITORY)


@pytest.fixture(scope="session")
def canaries() -> dict[str, str]:
    """Keys of an operator, in the environment and in .env as on a laptop: they must not appear anywhere."""
    return _CANARIES


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all Terraform and what it reads, in a writable folder."""
    folder = tmp_path_factory.mktemp("terraform") / "repository"
    copy_configuration(REPOSITORY, folder)
    keys = "".join(f"{name}={value}\n" for name, value in _CANARIES.items())
    (folder / ".env").write_text(keys, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def runner(
    request: pytest.FixtureRequest,
    terraform: Terraform,
    copy: Path,
    manifests: Manifests,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Runner]:
    """The runner, started on the work that the selected tests need."""
    built = tmp_path_factory.mktemp("built")
    export(REPOSITORY, built / "contracts")
    packages, schemas = write_packages(manifests, built), built / "contracts" / "eventbridge"
    artifacts = {"packages_file": str(packages), "schemas_folder": str(schemas)}
    runner = Runner(terraform.with_variables(_CANARIES), copy, {"artifacts": artifacts})
    known = _asked_for(request.session, "planned", "environment")
    planned = _asked_for(request.session, "plan", "environment")
    runner.begin(known, planned, _asked_for(request.session, "runner", "configuration"))
    yield runner
    runner.end()


@pytest.fixture
def plan(runner: Runner, environment: str) -> dict[str, Any]:
    """The plan of the test's environment."""
    return dict(runner.planned(environment))


@pytest.fixture(scope="session")
def planned_environments() -> dict[str, PlannedEnvironment]:
    """A cache by name."""
    return {}


@pytest.fixture
def planned(
    manifests: Manifests, runner: Runner, planned_environments: dict[str, PlannedEnvironment], environment: str
) -> PlannedEnvironment:
    """The test's environment as it would be after an apply."""
    if environment not in planned_environments:
        planned_environments[environment] = PlannedEnvironment.of(
            manifests, runner.planned(environment), runner.known(environment)
        )
    return planned_environments[environment]


def _asked_for(session: pytest.Session, fixture: str, parameter: str) -> list[str]:
    """The values of a parameter in the selected tests that need a fixture."""
    found = [
        item.callspec.params.get(parameter)
        for item in session.items
        if isinstance(item, pytest.Function) and fixture in item.fixturenames and hasattr(item, "callspec")
    ]
    return list(dict.fromkeys(value for value in found if isinstance(value, str)))
