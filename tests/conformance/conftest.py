"""Both back ends, each without the mesh on it, and the table that is printed at the end.

A case says what AWS does. Where a back end is known to differ, the case has `@pytest.mark.differs(<backend>="how")`: it
then has to fail there (a back end that has learnt it is noticed), and localstack/README.md lists it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localmesh import hostmode
from localmesh.config import Backend, MeshSettings
from localmesh.emulator import Emulator
from localmesh.errors import PreflightError
from localmesh.lifecycle import make_state
from localmesh.members import members_of
from localmesh.processes import free_port
from localmesh.supervisor import Supervisor
from testkit.conformance import Aws

BACKENDS = [
    pytest.param("ministack"),
    # It takes half a minute to start.
    pytest.param("localstack", marks=pytest.mark.scheduled),
]
_outcomes: dict[str, dict[str, str]] = {}


@pytest.fixture(scope="session")
def _localstack() -> Iterator[str]:
    try:
        hostmode.install(lambda line: None)
    except PreflightError as error:
        pytest.fail(f"the cases on LocalStack cannot run: {error}")
    with tempfile.TemporaryDirectory(prefix="collections-conformance-") as folder:
        settings = MeshSettings(
            _env_file=None, backend=Backend.LOCALSTACK, state_dir=Path(folder), emulator_port=free_port(),
            companion_port=free_port(), postgres_port=free_port(), providers_port=free_port(),
        )  # fmt: skip
        supervisor = Supervisor(make_state(settings), lambda line: None)
        members = [member for member in members_of(settings) if member.name in {"emulator", "companion"}]
        try:
            supervisor.start(members)
            yield settings.emulator_url
        finally:
            supervisor.stop(members)


@pytest.fixture(params=BACKENDS)
def aws(request: pytest.FixtureRequest) -> Aws:
    """A back end; every case runs on each."""
    if request.param == "localstack":
        return Aws("localstack", request.getfixturevalue("_localstack"))
    emulator: Emulator = request.getfixturevalue("emulator")
    return Aws("ministack", emulator.url)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A known difference has to show."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        backend = str(callspec.params.get("aws")) if callspec else ""
        for marker in item.iter_markers("differs"):
            if backend in marker.kwargs:
                item.add_marker(pytest.mark.xfail(strict=True, reason=marker.kwargs[backend]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how each case ended on each back end."""
    case, _, backend = report.nodeid.rpartition("::")[2].partition("[")
    if "/conformance/" not in report.nodeid or not backend or (report.when != "call" and not report.failed):
        return
    outcome = "as AWS" if report.passed else "FAILED"
    if getattr(report, "wasxfail", None):
        outcome = "differs"
    elif report.skipped:
        outcome = "skipped"
    _outcomes.setdefault(case, {})[backend.removesuffix("]")] = outcome


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table: a line for each case, a column for each back end."""
    if not _outcomes:
        return
    terminalreporter.section("conformance with AWS")
    terminalreporter.write_line(f"{'case':<72}{'ministack':<12}localstack")
    for case, found in sorted(_outcomes.items()):
        said = case.removeprefix("test_").replace("_", " ")
        terminalreporter.write_line(f"{said:<72}{found.get('ministack', '-'):<12}{found.get('localstack', '-')}")
