"""Whatever call of a function its process dies at: nothing is lost, and nothing is done twice."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis import inbox
from testkit import Deploy, Providers
from testkit.crashes.boundaries import Boundary
from testkit.crashes.flows import FLOWS, Flow
from testkit.crashes.matrix import Matrix, Report
from testkit.crashes.stage import staged

pytestmark = pytest.mark.integration

Open = Callable[[Flow], Matrix]


@pytest.fixture
def matrix(request: pytest.FixtureRequest, deploy: Deploy, providers: Providers, tmp_path: Path) -> Iterator[Matrix]:
    """Of the flow that is the parameter."""
    flow: Flow = request.param
    with staged(flow.service, flow.function, deploy, providers, tmp_path / "log") as stage:
        yield Matrix(flow, stage)


def judge(report: Report, what: object, record_property: Callable[[str, object], None]) -> None:
    """Nothing is wrong, and enough was tried."""
    counts = f"{report.points} points, {report.cases} cases, {report.faults} faults, {report.paid_again} paid again"
    record_property("crash matrix", f"{what}: {counts}, {len(report.wrong)} wrong")
    assert not report.wrong, f"\n{report}"
    assert report.faults >= report.cases > 0


@pytest.mark.sampled(1)
@pytest.mark.parametrize("matrix", FLOWS, ids=str, indirect=True)
def test_a_process_that_dies_anywhere_loses_nothing_and_does_nothing_twice(
    matrix: Matrix, whole: bool, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    drawn = random.Random(f"{pytestconfig.option.crash_seed} {matrix.flow}")
    judge(matrix.every_point(drawn, whole=whole), matrix.flow, record_property)


@pytest.mark.scheduled
@pytest.mark.parametrize("matrix", FLOWS, ids=str, indirect=True)
def test_processes_that_die_one_after_the_other_lose_nothing_and_do_nothing_twice(
    matrix: Matrix, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    """Each seed draws a flow, and the faults of a case of it."""
    first, count = pytestconfig.option.crash_seed, pytestconfig.option.crash_seeds
    draws = [random.Random(seed) for seed in range(first, first + count)]
    plans = [matrix.sequence(drawn) for drawn in draws if drawn.choice(FLOWS) is matrix.flow]
    if plans:
        judge(matrix.carry_out(plans), f"{matrix.flow}, {len(plans)} of {count} seeds", record_property)


def forgetful(connection: Any, event: Any) -> bool:
    """An inbox that remembers nothing."""
    return True


def hasty(connection: Any, event: Any) -> bool:
    """An inbox that remembers a delivery before its effects are there."""
    added = ADD(connection, event)
    connection.execute("COMMIT")
    connection.execute("BEGIN")
    return added


ADD = inbox.add
[PROCESS_A_PICTURE] = [flow for flow in FLOWS if flow.name == "process a picture"]


@pytest.mark.parametrize("matrix", [PROCESS_A_PICTURE], ids=str, indirect=True)
@pytest.mark.parametrize(
    ("broken", "at", "kind"),
    [(forgetful, Boundary("events PutEvents"), "twice"), (hasty, Boundary("postgres WITH appended AS"), "lost")],
)
def test_what_is_lost_or_done_twice_is_found(
    broken: Callable[[Any, Any], bool], at: Boundary, kind: str, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "add", broken)
    [difference] = matrix.carry_out([[at]]).wrong.values()
    assert any(line.startswith("events: ") for line in getattr(difference, kind))
