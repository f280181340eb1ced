"""Whatever call of a function its process dies at: nothing is lost, and nothing is done twice."""

import random
import time
from pathlib import Path

import pytest

from testkit import Deploy, Providers
from testkit.crashes.flows import FLOWS, Flow
from testkit.crashes.matrix import Matrix
from testkit.crashes.stage import staged

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_a_process_that_dies_anywhere_loses_nothing_and_does_nothing_twice(
    flow: Flow, deploy: Deploy, providers: Providers, tmp_path: Path
) -> None:
    t = time.time()
    with staged(flow.service, flow.function, deploy, providers, tmp_path / "log") as stage:
        matrix = Matrix(flow, stage)
        t2 = time.time()
        report = matrix.every_point(random.Random(1))
    print("TOTAL", flow, t2-t, time.time()-t2, report.points, report.faults, report.paid_again, [len(c) for c in matrix._calls])
    assert report.faults == report.points
    assert not report.wrong, f"\n{report}"
